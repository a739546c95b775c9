-- What is sold: billable metrics, plans with their charges, and who subscribed to which.

create table billable_metrics (
    id               uuid primary key,
    code             text not null unique,
    name             text not null,
    description      text,
    event_code       text not null,      -- several metrics may read one event: input tokens and output tokens of llm.request
    aggregation_type text not null,
    field_name       text,
    created_at       timestamptz not null
);
create index billable_metrics_event_code on billable_metrics (event_code);

create table plans (
    id             uuid primary key,
    code           text not null unique,
    name           text not null,
    interval       text not null,
    amount_cents   bigint not null check (amount_cents >= 0),   -- the base fee per period, minor units
    amount_currency text not null,
    pay_in_advance boolean not null default false,
    created_at     timestamptz not null
);

create table charges (
    id                   uuid primary key,
    plan_id              uuid not null references plans,
    billable_metric_id   uuid not null references billable_metrics,
    position             integer not null,
    charge_model         text not null,
    invoice_display_name text,
    properties           jsonb not null,     -- as the client wrote them; each charge model reads its own
    unique (plan_id, position)
);

create table subscriptions (
    id              uuid primary key,
    external_id     text not null,
    customer_id     uuid not null references customers,
    plan_id         uuid not null references plans,
    name            text,
    status          text not null check (status in ('pending', 'active', 'terminated', 'canceled')),
    billing_time    text not null check (billing_time in ('calendar', 'anniversary')),
    subscription_at timestamptz not null,
    started_at      timestamptz,
    ending_at       timestamptz,
    terminated_at   timestamptz,
    created_at      timestamptz not null
);
create unique index subscriptions_external_id on subscriptions (external_id) where status in ('pending', 'active');
