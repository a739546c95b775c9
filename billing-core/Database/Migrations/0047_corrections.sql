-- Events that correct others. No counter has their quantities, so seeds carry them to limits of any age while the corrected window is open:
-- the number of corrections each org ever stored is the version of those sums, as events is of the others (0041), and corrected_at, the
-- latest time of a call that was corrected, tells without a look at the events that a window has none. Few events are corrections, hence
-- the partial index.
alter table usage_versions add column corrections bigint not null default 0, add column corrected_at timestamptz;
create index gateway_events_corrections on gateway_events (customer_id, at) where properties ->> 'corrects' is not null;

-- A correction is no call of its own: sums take it, counts leave it out. What the API posts may have any properties, one of that name too.
create or replace view events as
    select id, at, external_subscription_id, code, properties, id::text as transaction_id, 'gateway' as source, customer_id,
        properties ->> 'corrects' is not null as is_correction from gateway_events
    union all
    select id, at, external_subscription_id, code, properties, transaction_id, 'api' as source, null::uuid as customer_id, false from api_events;
