-- Counters of an org that lost their store are gathered from all gateways that may have counted: which those are only the core knows, and it
-- alone says when (protocols A8, A9). Orgs that are older than this table may have counters already; nobody begins theirs with nothing.

create table epochs (
    customer_id  uuid primary key references customers (id),
    generation   bigint not null,
    epoch        text not null,
    state        text not null check (state in ('open', 'gathering')),
    participants text[] not null default '{}',      -- while they are gathered
    since        timestamptz not null
);
create index epochs_gathering on epochs (customer_id) where state = 'gathering';

insert into epochs (customer_id, generation, epoch, state, since) select id, 0, '', 'open', now() from customers;

-- A gateway whose disk is gone: what it counted is taken from its events.
alter table gateways add column lost_at timestamptz;
