-- What writing to a cache for an hour costs: Anthropic bills it dearer than a write for minutes. Null: unknown, cache_write is taken.
alter table model_prices add column cache_write_1h numeric check (cache_write_1h >= 0);
