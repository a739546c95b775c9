-- Identity first (nothing lost, nothing doubled). A unique key of a partitioned table must hold the partition key, so tables are
-- partitioned by the identity itself:
--  * gateway events: primary key(id), range-partitioned on the UUIDv7, whose leading bits are its time; the month of an id is
--    therefore a range of ids. An event's time may differ from its id's by less than a day (checked).
--  * everybody else's events claim a row in event_ids, hash-partitioned on a 128-bit digest of (subscription, transaction id),
--    never dropped; only the claimed go into api_events, partitioned by month.
-- Month partitions are made when first needed (Ingest/EventPartitions.cs); the default partitions take what lies far off.

create table gateway_events (
    id              uuid not null primary key,
    digest          bytea not null check (length(digest) = 32),   -- SHA-256 of the bytes that the gateway spooled
    at              timestamptz not null,
    customer_id     uuid,
    external_customer_id text not null,
    external_subscription_id text,
    code            text not null,
    properties      jsonb not null,
    body            text not null,
    spend           numeric,                                        -- the gateway's annotation, outside the identity
    received_at     timestamptz not null
) partition by range (id);
create index gateway_events_metering on gateway_events (external_subscription_id, code, at);
create table gateway_events_other partition of gateway_events default;

create table event_ids (
    key    bytea not null primary key check (length(key) = 16),
    digest bytea not null check (length(digest) = 32),
    at     timestamptz not null
) partition by hash (key);
create table event_ids_0 partition of event_ids for values with (modulus 4, remainder 0);
create table event_ids_1 partition of event_ids for values with (modulus 4, remainder 1);
create table event_ids_2 partition of event_ids for values with (modulus 4, remainder 2);
create table event_ids_3 partition of event_ids for values with (modulus 4, remainder 3);

create table api_events (
    id             uuid not null,
    key            bytea not null,
    transaction_id text not null,
    at             timestamptz not null,
    external_subscription_id text not null,
    code           text not null,
    properties     jsonb not null,
    precise_total_amount_cents numeric,
    received_at    timestamptz not null
) partition by range (at);
create index api_events_metering on api_events (external_subscription_id, code, at);
create index api_events_transaction on api_events (transaction_id);
create table api_events_other partition of api_events default;

-- Metering reads one thing. Unknown codes and subscriptions are kept: they count from the day the metric or subscription exists.
create view events as
    select id, at, external_subscription_id, code, properties, id::text as transaction_id, 'gateway' as source from gateway_events
    union all
    select id, at, external_subscription_id, code, properties, transaction_id, 'api' as source from api_events;

-- The same id with other bytes: never stored as an event, never forgotten. A replay of the same conflict adds nothing.
create table event_conflicts (
    id          text not null,
    digest      bytea not null,
    body        text not null,
    received_at timestamptz not null,
    primary key (id, digest)
);

-- How far each gateway has shipped: nothing older than watermark is still on its way.
create table gateways (
    instance  text primary key,
    watermark timestamptz,
    seen_at   timestamptz not null
);
