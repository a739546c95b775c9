-- Which period each subscription is living through. The invoice run asks this index what is due instead of computing calendars
-- for every subscription; period_from is where the last invoice ended, so nothing is billed twice or left out when a customer
-- moves to another time zone. Null: nothing left to bill.
alter table subscriptions
    add column period_from timestamptz,
    add column period_to timestamptz,
    add check ((period_from is null) = (period_to is null) and period_from < period_to);
create index subscriptions_due on subscriptions (period_to) where period_to is not null;
create index subscriptions_pending on subscriptions (subscription_at) where status = 'pending';
create index subscriptions_customer on subscriptions (customer_id);

alter table plans
    add column description text,
    add column invoice_display_name text;
create index charges_metric on charges (billable_metric_id);

create index invoices_to_finalize on invoices (finalize_after) where status = 'draft';

-- Nothing is added to a finalized invoice either (0004 refuses changes and deletions).
create function refuse_fee_of_finalized() returns trigger language plpgsql as $$
begin
    if exists (select 1 from invoices where id = new.invoice_id and status <> 'draft') then
        raise exception 'invoice % is finalized and takes no more fees', new.invoice_id using errcode = 'integrity_constraint_violation';
    end if;
    return new;
end $$;
create trigger fees_closed before insert on fees for each row execute function refuse_fee_of_finalized();

-- Chosen once per attempt: a create that is sent again after a lost answer must name the same payment method, or Stripe refuses
-- the idempotency key.
alter table payment_attempts add column payment_method_id text;
