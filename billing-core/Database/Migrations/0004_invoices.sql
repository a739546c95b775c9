-- Own invoices. A finalized invoice and its fees never change: corrections are new rows. Only the payment status moves.

create table invoices (
    id                 uuid primary key,
    customer_id        uuid not null references customers,
    subscription_id    uuid references subscriptions,
    sequential_id      bigint,                       -- gapless per customer, drawn when finalized
    number             text unique,
    invoice_type       text not null check (invoice_type in ('subscription', 'one_off')),
    status             text not null check (status in ('draft', 'finalized', 'voided', 'failed')),
    payment_status     text not null check (payment_status in ('pending', 'succeeded', 'failed')),
    currency           text not null,
    period_from        timestamptz,                  -- half-open: [from, to)
    period_to          timestamptz,
    fees_amount_cents  bigint not null default 0,
    total_amount_cents bigint not null default 0,
    rounding           text not null default 'half_away_from_zero',
    issuing_date       date not null,
    payment_due_date   date,
    finalize_after     timestamptz not null,         -- the end of the grace period
    finalized_at       timestamptz,
    created_at         timestamptz not null,
    unique (customer_id, sequential_id)
);
-- One invoice per subscription and period, however many replicas ask at once.
create unique index invoices_once on invoices (subscription_id, period_from, invoice_type) where status <> 'voided';
create index invoices_customer on invoices (customer_id, created_at);

create table fees (
    id               uuid primary key,
    invoice_id       uuid not null references invoices,
    position         integer not null,
    fee_type         text not null check (fee_type in ('subscription', 'charge')),
    charge_id        uuid references charges,
    item_code        text not null,
    item_name        text not null,
    units            numeric not null,
    events_count     bigint not null,
    precise_amount   numeric not null,               -- major units, before rounding
    amount_cents     bigint not null,                -- rounded once, here
    currency         text not null,
    from_date        timestamptz not null,
    to_date          timestamptz not null,
    amount_details   jsonb not null,                 -- the steps of the charge model
    unique (invoice_id, position)
);

create function refuse_finalized() returns trigger language plpgsql as $$
begin
    if old.status = 'finalized' and (tg_op = 'DELETE' or
        (to_jsonb(new) - 'payment_status' - 'status') is distinct from (to_jsonb(old) - 'payment_status' - 'status')
        or (new.status <> 'finalized' and new.status <> 'voided')) then
        raise exception 'invoice % is finalized and never changes', old.number using errcode = 'integrity_constraint_violation';
    end if;
    return case tg_op when 'DELETE' then old else new end;
end $$;
create trigger invoices_immutable before update or delete on invoices for each row execute function refuse_finalized();

create function refuse_finalized_fee() returns trigger language plpgsql as $$
begin
    if exists (select 1 from invoices where id = old.invoice_id and status <> 'draft') then
        raise exception 'fee % belongs to a finalized invoice and never changes', old.id using errcode = 'integrity_constraint_violation';
    end if;
    return case tg_op when 'DELETE' then old else new end;
end $$;
create trigger fees_immutable before update or delete on fees for each row execute function refuse_finalized_fee();
