-- What a metric measures can be computed from several properties (expression), carried from one period to the next (recurring), weighed by the
-- time for which it held (weighted_interval), and cut once per period (rounding). filters are the properties and values by which charges may
-- price parts of it differently: [{"key": "model", "values": ["gpt-4o"]}].
alter table billable_metrics
    add column expression         text,
    add column recurring          boolean not null default false,
    add column weighted_interval  text,
    add column rounding_function  text check (rounding_function in ('round', 'ceil', 'floor')),
    add column rounding_precision integer not null default 0,
    add column filters            jsonb not null default '[]';
