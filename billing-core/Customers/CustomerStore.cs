using Dapper;
using Npgsql;
using Quota.Shared.ControlPlane;

namespace Quota.Billing.Customers;

/// <summary>Customers. A deleted one is kept, and is not found any more; its external id may be used again by another.</summary>
internal sealed class CustomerStore(NpgsqlDataSource database, TimeProvider clock)
{
    private const string Columns = """
        id, external_id, name, email, currency, timezone, markup, invoice_grace_period, net_payment_term, payment_provider,
        provider_customer_id, sequential_id, details, created_at
        """;

    public async Task<Customer?> FindAsync(string externalId)
    {
        await using var connection = await database.OpenConnectionAsync();
        return await FindAsync(connection, externalId);
    }

    public async Task<(IReadOnlyList<Customer> Items, long Total)> ListAsync(int offset, int limit)
    {
        await using var connection = await database.OpenConnectionAsync();
        var items = await connection.QueryAsync<Customer>(
            $"select {Columns} from customers where deleted_at is null order by sequential_id desc offset @offset limit @limit", new { offset, limit });
        return (items.AsList(), await connection.ExecuteScalarAsync<long>("select count(*) from customers where deleted_at is null"));
    }

    /// <summary>Makes or changes the customer with this external id, in one transaction.</summary>
    /// <returns>Null, and nothing changed, when its currency would change while something of it is in the old one.</returns>
    public async Task<Customer?> SaveAsync(CustomerInput input)
    {
        await using var connection = await database.OpenConnectionAsync();
        await using var transaction = await connection.BeginTransactionAsync();
        var current = await FindAsync(connection, input.ExternalId, forUpdate: true);
        if (current is null)
        {
            var now = clock.GetUtcNow();
            await connection.ExecuteAsync("""
                insert into customers (id, external_id, created_at) values (@Id, @ExternalId, @now)
                on conflict (external_id) where deleted_at is null do nothing
                """, new { Id = Guid.CreateVersion7(now), input.ExternalId, now });
            // Either ours, or that of a request which was faster and has committed by now.
            current = (await FindAsync(connection, input.ExternalId, forUpdate: true))!;
        }
        var changed = input.ApplyTo(current);
        if (changed.Currency != current.Currency && await HasMoneyAsync(connection, current.Id))
            return null;
        await connection.ExecuteAsync("""
            update customers set name = @Name, email = @Email, currency = @Currency, timezone = @Timezone, markup = @Markup,
                invoice_grace_period = @InvoiceGracePeriod, net_payment_term = @NetPaymentTerm, payment_provider = @PaymentProvider,
                provider_customer_id = @ProviderCustomerId, details = @Details::jsonb
            where id = @Id
            """, changed);
        if (changed.Timezone != current.Timezone)
            await CountAnewAsync(connection, changed);
        await transaction.CommitAsync();
        return changed;
    }

    /// <summary>
    /// Its subscriptions end with it, as if each had been terminated: what was used up to now is still billed, and nothing after.
    /// </summary>
    /// <returns>What was deleted, or null when there was nothing.</returns>
    public async Task<Customer?> DeleteAsync(string externalId)
    {
        await using var connection = await database.OpenConnectionAsync();
        return await connection.QuerySingleOrDefaultAsync<Customer>($"""
            with gone as (
                update customers set deleted_at = @now where external_id = @externalId and deleted_at is null returning {Columns}
            ), ended as (
                update subscriptions live set
                    status = case live.status when 'pending' then 'canceled' else 'terminated' end,
                    terminated_at = @now,
                    period_from = case when live.period_from < @now then live.period_from end,
                    period_to = case when live.period_from < @now then least(live.period_to, @now) end
                from gone where live.customer_id = gone.id and live.status in ('pending', 'active')
            )
            select * from gone
            """, new { externalId, now = clock.GetUtcNow() });
    }

    private static Task<Customer?> FindAsync(NpgsqlConnection connection, string externalId, bool forUpdate = false) =>
        connection.QuerySingleOrDefaultAsync<Customer>(
            $"select {Columns} from customers where external_id = @externalId and deleted_at is null {(forUpdate ? "for update" : "")}", new { externalId });

    /// <summary>Calendar limits in the customer's own zone have other windows now, and with them other counters.</summary>
    private Task<int> CountAnewAsync(NpgsqlConnection connection, Customer customer) => connection.ExecuteAsync("""
        update limits set counted_since = @since
        where customer_id = @Id and window_terms ->> 'timezone' is null and window_terms ->> 'kind' = any(@kinds)
        """, new { customer.Id, since = CountedSince.From(clock.GetUtcNow()), kinds = LimitWindow.Calendar.ToArray() });

    private static Task<bool> HasMoneyAsync(NpgsqlConnection connection, Guid id) => connection.ExecuteScalarAsync<bool>("""
        select exists (select from subscriptions where customer_id = @id)
            or exists (select from invoices where customer_id = @id)
            or exists (select from limits where customer_id = @id and currency is not null)
        """, new { id });
}
