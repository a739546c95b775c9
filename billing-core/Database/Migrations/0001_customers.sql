-- Who pays and who calls. A customer is an org (Lago's word); ids are UUIDs made by the process, never reused, so that a user
-- who is deleted and made again does not meet the old one's counters. Rows are kept and marked deleted for the same reason.

create table customers (
    id                   uuid primary key,
    external_id          text not null,
    name                 text,
    email                text,
    currency             text not null default 'USD',
    timezone             text not null default 'UTC',
    invoice_grace_period integer not null default 0 check (invoice_grace_period >= 0),   -- days
    net_payment_term     integer not null default 0 check (net_payment_term >= 0),       -- days
    payment_provider     text check (payment_provider in ('stripe')),
    provider_customer_id text,
    sequential_id        bigint generated always as identity,
    created_at           timestamptz not null,
    deleted_at           timestamptz
);
create unique index customers_external_id on customers (external_id) where deleted_at is null;

create table teams (
    id          uuid primary key,
    customer_id uuid not null references customers,
    external_id text not null,
    name        text,
    created_at  timestamptz not null,
    deleted_at  timestamptz
);
create unique index teams_external_id on teams (customer_id, external_id) where deleted_at is null;

create table users (
    id          uuid primary key,
    customer_id uuid not null references customers,
    team_id     uuid references teams,
    external_id text not null,
    name        text,
    email       text,
    created_at  timestamptz not null,
    deleted_at  timestamptz
);
create unique index users_external_id on users (customer_id, external_id) where deleted_at is null;

-- The secret itself is never stored: HMAC-SHA-256 with a pepper that lives in the settings. prefix is what people see in lists.
create table api_keys (
    id              uuid primary key,
    customer_id     uuid not null references customers,
    team_id         uuid references teams,
    user_id         uuid references users,
    subscription_external_id text,
    name            text,
    prefix          text not null,
    hash            bytea not null unique check (length(hash) = 32),
    environment     text,
    allowed_models  text[] not null default '{}',
    expires_at      timestamptz,
    created_at      timestamptz not null,
    revoked_at      timestamptz
);

-- node_id is the limited org's, team's, user's or key's id: it names the counter, so a limit never moves to another node.
create table limits (
    id          uuid primary key,
    customer_id uuid not null references customers,
    code        text not null,
    node_kind   text not null check (node_kind in ('org', 'team', 'user', 'key')),
    node_id     uuid not null,
    meter       text not null,
    amount      numeric not null check (amount >= 0),
    currency    text,
    window_terms jsonb not null,
    mode        text not null,
    enabled     boolean not null default true,
    created_at  timestamptz not null,
    updated_at  timestamptz not null
);
create unique index limits_code on limits (customer_id, code);

-- Effective-dated: a price is never changed, a later row takes over.
create table model_prices (
    provider          text not null,
    model             text not null,
    effective_from    timestamptz not null,
    currency          text not null,
    input             numeric not null check (input >= 0),          -- per million tokens
    cached_input      numeric check (cached_input >= 0),
    cache_write       numeric check (cache_write >= 0),
    output            numeric not null check (output >= 0),
    max_input_tokens  bigint,
    max_output_tokens bigint,
    primary key (provider, model, effective_from)
);

-- What is made once at first start (pepper, admin key's hash) and the test clock's offset.
create table installation (
    name  text primary key,
    value text not null
);
