-- Whether a model bills output that its stream does not show (reasoning). Null: unknown, which holds treat as true.
alter table model_prices add column hidden_output boolean;
