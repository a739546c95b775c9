-- A gateway's event knows whose key made it, and a key may name any subscription: metering compares the two, so that nobody's calls
-- land on another customer's invoice. Null: posted through the API, or the customer was not known when the event came.
create or replace view events as
    select id, at, external_subscription_id, code, properties, id::text as transaction_id, 'gateway' as source, customer_id from gateway_events
    union all
    select id, at, external_subscription_id, code, properties, transaction_id, 'api' as source, null::uuid as customer_id from api_events;
