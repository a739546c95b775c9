-- Every outside effect is a row first. An outbox message is claimed by a lease; a crashed worker's lease runs out and another
-- takes over, and every effect carries an id of ours, so doing it again does nothing new.

create table outbox (
    id           uuid primary key,
    kind         text not null,
    reference    text not null,
    payload      jsonb not null default '{}',
    attempts     integer not null default 0,
    due_at       timestamptz not null,
    leased_until timestamptz,
    done_at      timestamptz,
    last_error   text,
    created_at   timestamptz not null,
    unique (kind, reference)
);
create index outbox_due on outbox (due_at) where done_at is null;

-- One attempt to collect an invoice is one PaymentIntent: created unconfirmed, its id stored, then that id confirmed.
-- rank only rises, so late or repeated news about an attempt changes nothing.
create table payment_attempts (
    id                uuid primary key,
    invoice_id        uuid not null references invoices,
    number            integer not null,
    state             text not null check (state in ('planned', 'creating', 'created', 'confirming', 'processing',
                          'needs_customer', 'unknown', 'succeeded', 'canceled')),
    rank              integer not null,
    amount_cents      bigint not null check (amount_cents > 0),
    currency          text not null,
    payment_intent_id text unique,
    last_error        text,
    created_at        timestamptz not null,
    updated_at        timestamptz not null,
    unique (invoice_id, number)
);
-- At most one attempt of an invoice is not finished.
create unique index payment_attempts_open on payment_attempts (invoice_id) where state not in ('succeeded', 'canceled');

-- Webhooks are stored once, as they came, before they are acted on.
create table stripe_events (
    id          text primary key,
    type        text not null,
    object_id   text,
    body        text not null,
    received_at timestamptz not null
);
