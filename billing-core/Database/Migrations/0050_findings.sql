-- Where what is kept twice differs, it is written down: once, however often it is seen. A rollup that differs from its events is not read any
-- more, but written until another one has its place, which may have to take over what no event can tell any more.

create table findings (
    id         uuid primary key,
    kind       text not null,
    subject    text not null,
    detail     jsonb not null,
    found_at   timestamptz not null,
    seen_at    timestamptz not null,                -- the last time
    times_seen integer not null default 1
);
create unique index findings_once on findings (kind, subject, md5(detail::text));
create index findings_seen on findings (seen_at desc, id);

alter table rollups add column distrusted_at timestamptz;
