-- Events may be dropped by months (Ingest__KeepMonths). What is said of the time before is then said by rollups alone, and a rollup that is made
-- later takes over from an older one what no event tells any more; where none has the keys, it begins at the cut.

create table event_cuts (
    before  timestamptz primary key,                -- the start of a month; the latest counts: events before it are gone
    made_at timestamptz not null
);

alter table rollups add column begins_at timestamptz;   -- null: it has all that ever was
