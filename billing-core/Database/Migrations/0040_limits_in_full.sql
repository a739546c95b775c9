-- Everything a limit can say: to which calls it applies, for each of which children, what it replaces, when people are told.
-- counted_since: from when on every matching call is counted on the limit's counters; a window that began earlier starts from a seed
-- (protocols.md A7). Null would mean from ever. Limits that are here already get now: counters have new names since this version, so
-- what was used in the windows that run now has to come as seeds.
alter table limits
    add column each text check (each in ('team', 'user', 'key')),
    add column overrides text,
    add column selector jsonb,
    add column thresholds numeric[] not null default '{}',
    add column hold text not null default 'bounded',
    add column clamp boolean not null default true,
    add column counted_since timestamptz,
    add check (each is null or overrides is null);
update limits set counted_since = now();

-- A default has one override per node, and cannot go while it has any.
create unique index limits_overrides on limits (customer_id, overrides, node_id) where overrides is not null;
alter table limits add foreign key (customer_id, overrides) references limits (customer_id, code);
