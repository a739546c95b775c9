-- What a price has beyond its flat columns (rates of audio, images, reasoning, requests, seconds, characters and tools; variants by context
-- size, tier and time of day; aliases), as shared/Pricing/ModelPrice writes it. Null: nothing. One column, because it is read and written as
-- a whole and never searched.
alter table model_prices add column terms jsonb;

-- What an org pays is the price book's price times this (shared/Pricing/Markup).
alter table customers add column markup numeric not null default 1 check (markup > 0);
