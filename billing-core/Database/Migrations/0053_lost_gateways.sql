-- A gateway that is gone for good is declared lost: counters are gathered without it, and what it had counted comes from its events (protocols
-- C4). Only who has polled the snapshot, or asked for counters, can have counted: somebody who posts usage and no more is never waited for.
alter table gateways add column polled_at timestamptz;
update gateways set polled_at = seen_at;

-- Who was lost when an org's counters were gathered last. From then on (since) none of their events is on any counter of the org.
alter table epochs add column lost text[] not null default '{}';
