-- Double entry, append only. An entry is balanced per currency when its transaction commits, or the transaction fails.

create table ledger_entries (
    id           uuid primary key,
    kind         text not null,              -- invoice_finalized, payment_captured, …
    reference    text not null,              -- what caused it; with kind unique, so that nothing is posted twice
    customer_id  uuid references customers,
    posted_at    timestamptz not null,
    service_from timestamptz,
    service_to   timestamptz,
    reverses     uuid references ledger_entries,
    unique (kind, reference)
);

create table ledger_postings (
    entry_id uuid not null references ledger_entries,
    position integer not null,
    account  text not null,
    currency text not null,
    amount   bigint not null,                -- minor units; debit positive, credit negative
    primary key (entry_id, position)
);
create index ledger_postings_account on ledger_postings (account, currency);

create function check_balanced() returns trigger language plpgsql as $$
begin
    if exists (select 1 from ledger_postings where entry_id = new.entry_id group by currency having sum(amount) <> 0) then
        raise exception 'ledger entry % does not balance', new.entry_id using errcode = 'check_violation';
    end if;
    return null;
end $$;
create constraint trigger ledger_balanced after insert on ledger_postings
    deferrable initially deferred for each row execute function check_balanced();

create function refuse_change() returns trigger language plpgsql as $$
begin
    raise exception '% is append only', tg_table_name using errcode = 'integrity_constraint_violation';
end $$;
create trigger ledger_entries_append_only before update or delete or truncate on ledger_entries for each statement execute function refuse_change();
create trigger ledger_postings_append_only before update or delete or truncate on ledger_postings for each statement execute function refuse_change();
