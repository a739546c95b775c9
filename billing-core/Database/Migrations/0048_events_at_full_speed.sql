-- Events were stored with four indexes, a parsed and a verbatim copy each: about 3 KB and a tenth of the speed that is wanted. Now:
--  * identity stands alone, in narrow tables that are never dropped: gateway_event_ids, by UUIDv7 and so appended at one end, and
--    api_event_ids for everybody else's, whose key begins with a hash of the transaction id, so that an event is found by that alone.
--    A digest is the first half of a SHA-256, which is enough to tell a resend from another event.
--  * usage_events holds the events of both sources, by month, and months may be dropped when they are old (Ingest__KeepMonths): the
--    identities stay. Who used what is said once, in event_streams; an event has its stream's number. One index, (stream, time).
--    properties are flat JSON text, not jsonb: they are read whole and in order, by code, and parsing them into jsonb takes a third
--    of the database's time of an insert.
--  * settled_spend has what gateways say an event added to the spend counter: an annotation outside the identity. A row of its own, where
--    an update would write the whole event twice.
--  * usage_rollups has sums by quarter of an hour and by day, each event in both, kept in the transaction that stores the event. A quarter
--    of an hour, because there are time zones at 30 and 45 minutes. shard: writers that store at the same time have each their own row,
--    so that the batches of one large customer need not wait for each other. rollups says what is summed up: of a metric, by which
--    properties; the one without a metric counts the events of every stream.

drop view events;
alter table gateway_events rename to old_gateway_events;
alter table api_events rename to old_api_events;
alter table event_ids rename to old_event_ids;

create table event_streams (
    id                       serial primary key,
    is_gateway               boolean not null,
    customer_id              uuid,                 -- null: posted through the API, or the customer was not known when the event came
    external_customer_id     text,
    external_subscription_id text,
    code                     text not null,
    unique nulls not distinct (is_gateway, customer_id, external_customer_id, external_subscription_id, code)
);
create index event_streams_subscription on event_streams (external_subscription_id, code);
create index event_streams_customer on event_streams (customer_id) where customer_id is not null;

create table usage_events (
    id             uuid not null,
    at             timestamptz not null,
    stream_id      integer not null,
    is_correction  boolean not null,
    transaction_id text,                            -- null for gateway events, whose id it is
    precise_total_amount_cents numeric,
    counted        uuid[],                          -- the counters that a gateway counted it on; null: none
    properties     json not null,
    received_at    timestamptz not null
) partition by range (at);
create index usage_events_stream on usage_events (stream_id, at);
create table usage_events_other partition of usage_events default;

create table gateway_event_ids (
    id        uuid not null primary key,
    digest    uuid not null,
    stream_id integer not null,
    at        timestamptz not null
) partition by range (id);
create table gateway_event_ids_other partition of gateway_event_ids default;

create table settled_spend (
    id    uuid not null primary key,
    spend numeric not null
) partition by range (id);
create table settled_spend_other partition of settled_spend default;

create table api_event_ids (
    key       uuid not null primary key,            -- 6 bytes of the transaction id's hash, 10 of subscription's and transaction id's
    digest    uuid not null,
    stream_id integer not null,
    at        timestamptz not null
) partition by hash (key);
create table api_event_ids_0 partition of api_event_ids for values with (modulus 4, remainder 0);
create table api_event_ids_1 partition of api_event_ids for values with (modulus 4, remainder 1);
create table api_event_ids_2 partition of api_event_ids for values with (modulus 4, remainder 2);
create table api_event_ids_3 partition of api_event_ids for values with (modulus 4, remainder 3);

create table rollups (
    id        serial primary key,
    metric_id uuid references billable_metrics on delete set null,   -- null: counts the events of every stream, once it is not retired
    keys      text[] not null,
    state     text not null check (state in ('wanted', 'building', 'ready', 'retired')),
    since     timestamptz not null                  -- of the state
);
insert into rollups (metric_id, keys, state, since) values (null, '{}', 'wanted', now());
insert into rollups (metric_id, keys, state, since) select id, '{}', 'wanted', now() from billable_metrics;

-- Raised with every change of rollups, so that writers know whether what they remember of it is current.
create table rollups_version (version bigint not null);
insert into rollups_version values (1);

create table usage_rollups (
    rollup_id integer not null,                       -- no foreign key: its check would cost more than the row
    stream_id integer not null,
    grain     smallint not null,                    -- minutes: 15, 1440
    bucket    timestamptz not null,                 -- its start; days are of UTC
    dims      text collate "C" not null,            -- the keys' values as a JSON array; empty without keys
    shard     smallint not null,
    calls     bigint not null,
    total     numeric not null,                     -- whole numbers of 10^-12, like most and least
    most      numeric,
    least     numeric,
    primary key (rollup_id, stream_id, grain, bucket, dims, shard)
) with (fillfactor = 80);

alter table usage_versions drop constraint usage_versions_pkey, add column shard smallint not null default 0, add primary key (customer_id, shard);

-- What was stored so far is brought along, into partitions of its months.
do $$
declare month timestamptz;
begin
    for month in
        select distinct date_trunc('month', at, 'UTC') from (select at from old_gateway_events union all select at from old_api_events) e
        where at between now() - interval '24 months' and now() + interval '3 months'
    loop
        execute format('create table usage_events_%s partition of usage_events for values from (%L) to (%L)',
            to_char(month at time zone 'UTC', 'YYYY_MM'), month, (month at time zone 'UTC' + interval '1 month') at time zone 'UTC');
    end loop;
end $$;

insert into event_streams (is_gateway, customer_id, external_customer_id, external_subscription_id, code)
    select distinct true, customer_id, external_customer_id, external_subscription_id, code from old_gateway_events
    union select distinct false, null::uuid, null, external_subscription_id, code from old_api_events;

insert into usage_events (id, at, stream_id, is_correction, counted, properties, received_at)
    select e.id, e.at, s.id, e.properties ->> 'corrects' is not null,
        nullif(array(select c::uuid from unnest(e.counted) c where c ~ '^[0-9a-f]{32}$'), '{}'), e.properties::json, e.received_at
    from old_gateway_events e join event_streams s on s.is_gateway and s.code = e.code and s.external_customer_id = e.external_customer_id
        and s.customer_id is not distinct from e.customer_id and s.external_subscription_id is not distinct from e.external_subscription_id;
insert into gateway_event_ids (id, digest, stream_id, at)
    select e.id, encode(substring(o.digest for 16), 'hex')::uuid, e.stream_id, e.at from usage_events e join old_gateway_events o on o.id = e.id;
insert into settled_spend (id, spend) select id, spend from old_gateway_events where spend is not null;

insert into usage_events (id, at, stream_id, is_correction, transaction_id, precise_total_amount_cents, properties, received_at)
    select e.id, e.at, s.id, false, e.transaction_id, e.precise_total_amount_cents, e.properties::json, e.received_at
    from old_api_events e join event_streams s on not s.is_gateway and s.code = e.code and s.external_subscription_id = e.external_subscription_id;
insert into api_event_ids (key, digest, stream_id, at)
    select encode(substring(sha256(convert_to(e.transaction_id, 'UTF8')) for 6) || substring(e.key for 10), 'hex')::uuid,
        encode(substring(i.digest for 16), 'hex')::uuid, s.id, e.at
    from old_api_events e join old_event_ids i on i.key = e.key
        join event_streams s on not s.is_gateway and s.code = e.code and s.external_subscription_id = e.external_subscription_id;

drop table old_gateway_events;
drop table old_api_events;
drop table old_event_ids;

-- For people and reports: the product reads the tables.
create view events as
    select e.id, e.at, s.external_subscription_id, s.code, e.properties, coalesce(e.transaction_id, e.id::text) as transaction_id,
        case when s.is_gateway then 'gateway' else 'api' end as source, s.customer_id, s.external_customer_id, e.is_correction, e.counted, e.received_at
    from usage_events e join event_streams s on s.id = e.stream_id;
