using Dapper;
using Npgsql;

namespace Quota.Billing.Payments;

/// <summary>Owns the SQL of <c>payment_attempts</c>.</summary>
internal sealed class AttemptStore(NpgsqlDataSource database, TimeProvider clock)
{
    private const string Select = """
        select attempt.id, attempt.invoice_id, attempt.number, attempt.state, attempt.rank, attempt.amount_cents, attempt.currency,
            attempt.payment_intent_id, attempt.payment_method_id, attempt.last_error,
            invoice.number as invoice_number, invoice.customer_id, customer.provider_customer_id
        from payment_attempts attempt
        join invoices invoice on invoice.id = attempt.invoice_id
        join customers customer on customer.id = invoice.customer_id
        """;

    /// <summary>The next attempt of an invoice whose row the transaction has locked; null while another is not over.</summary>
    public async Task<Guid?> PlanAsync(NpgsqlTransaction transaction, Guid invoiceId, long amountCents, string currency)
    {
        var now = clock.GetUtcNow();
        return await transaction.Connection!.QuerySingleOrDefaultAsync<Guid?>("""
            insert into payment_attempts (id, invoice_id, number, state, rank, amount_cents, currency, created_at, updated_at)
            select @Id, @invoiceId, coalesce(max(number), 0) + 1, @State, @Rank, @amountCents, @currency, @now, @now
            from payment_attempts where invoice_id = @invoiceId
            having count(*) filter (where state not in ('succeeded', 'canceled')) = 0
            returning id
            """,
            new
            {
                Id = Guid.CreateVersion7(now), invoiceId, amountCents, currency, now,
                State = AttemptState.Planned, Rank = AttemptState.RankOf(AttemptState.Planned),
            }, transaction);
    }

    public async Task<PaymentAttempt?> FindAsync(Guid id)
    {
        await using var connection = await database.OpenConnectionAsync();
        return await connection.QuerySingleOrDefaultAsync<PaymentAttempt>($"{Select} where attempt.id = @id", new { id });
    }

    public async Task<PaymentAttempt?> FindByIntentAsync(string paymentIntent)
    {
        await using var connection = await database.OpenConnectionAsync();
        return await connection.QuerySingleOrDefaultAsync<PaymentAttempt>(
            $"{Select} where attempt.payment_intent_id = @paymentIntent", new { paymentIntent });
    }

    /// <summary>Locks the attempt; its invoice's row is locked before it, always in this order.</summary>
    public static Task<PaymentAttempt> LockAsync(NpgsqlTransaction transaction, Guid id) =>
        transaction.Connection!.QuerySingleAsync<PaymentAttempt>($"{Select} where attempt.id = @id for update of attempt", new { id }, transaction);

    /// <summary>
    /// Moves an attempt to a state of higher rank, or of the same while it is not over. False when it is further already: then
    /// somebody else was faster, and nothing changes. What is null stays as it was.
    /// </summary>
    public async Task<bool> AdvanceAsync(
        NpgsqlConnection connection, Guid id, string state, int rank,
        string? error = null, string? paymentIntent = null, string? paymentMethod = null, NpgsqlTransaction? transaction = null) =>
        await connection.ExecuteAsync("""
            update payment_attempts set state = @state, rank = @rank, updated_at = @now,
                last_error = case @state when 'succeeded' then null else coalesce(@error, last_error) end,
                payment_intent_id = coalesce(payment_intent_id, @paymentIntent),
                payment_method_id = coalesce(payment_method_id, @paymentMethod)
            where id = @id and (rank < @rank or (rank = @rank and state not in ('succeeded', 'canceled')))
            """, new { id, state, rank, error, paymentIntent, paymentMethod, now = clock.GetUtcNow() }, transaction) == 1;

    /// <summary>As above, on its own.</summary>
    public async Task<bool> AdvanceAsync(
        Guid id, string state, int rank, string? error = null, string? paymentIntent = null, string? paymentMethod = null)
    {
        await using var connection = await database.OpenConnectionAsync();
        return await AdvanceAsync(connection, id, state, rank, error, paymentIntent, paymentMethod);
    }
}
