-- What limits have used is summed from gateway events: seeds of young counters, what is above a new line, live usage. A sum reads one
-- org's events of one window, hence the index. counted names the counters on which a call was counted already.
-- Events stored before this migration list none: their counters had other names.
alter table gateway_events add column counted text[] not null default '{}';
create index gateway_events_usage on gateway_events (customer_id, at) where customer_id is not null;

-- How many events of each org were ever stored: the version of its sums. It is raised in the transaction that stores the events, so
-- equal versions mean equal sets of events, and of two transactions the one that sees the greater version sees more. A sequence or a
-- time of receipt could not say that: a smaller number may be committed later.
create table usage_versions (
    customer_id uuid primary key,
    events      bigint not null
);
insert into usage_versions select customer_id, count(*) from gateway_events where customer_id is not null group by customer_id;
