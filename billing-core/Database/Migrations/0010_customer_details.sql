-- What people write about a customer or a key and the product only hands back: names, address, labels. One jsonb column each, because
-- nothing is ever looked up by them.

alter table customers add column details jsonb not null default '{}';
alter table api_keys add column metadata jsonb not null default '{}';
