-- Metrics measure in all of Lago's ways: by an expression instead of one property, carried over from period to period, rounded, and with
-- the dimensions that charges may filter by. Those that are there measure as they did.

alter table billable_metrics
    add column expression         text,
    add column recurring          boolean not null default false,
    add column weighted_interval  text check (weighted_interval in ('seconds')),
    add column rounding_function  text check (rounding_function in ('round', 'ceil', 'floor')),
    add column rounding_precision integer,                            -- null: to whole units
    add column filters            jsonb not null default '[]';        -- [{"key": "model", "values": ["gpt-4o", …]}]
