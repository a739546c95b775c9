-- What gateways tell of limits' counters: thresholds crossed, calls over their holds, holds charged for a silent gateway. Each fact has
-- an id of its own, so it may be told again. Org and limit are kept as told: they may be gone by then.
create table limit_facts (
    id           uuid primary key,
    kind         text not null,
    at           timestamptz not null,
    org          text not null,
    org_id       uuid not null,
    node_id      uuid,
    limit_code   text,
    share        numeric,
    counter      text,
    window_start timestamptz,
    used         bigint,                    -- in the counter's units
    request_id   uuid,
    instance     text not null,
    received_at  timestamptz not null
);
create index limit_facts_newest on limit_facts (at desc, id desc);
create index limit_facts_org on limit_facts (org, at desc, id desc);
