using Dapper;
using Npgsql;
using Quota.Billing.Customers;

namespace Quota.Billing.Invoicing;

/// <summary>
/// Owns the SQL of <c>invoices</c> and <c>fees</c>. Writes happen inside the caller's transaction, which holds the invoice's row lock.
/// </summary>
internal sealed class InvoiceStore(NpgsqlDataSource database)
{
    public const string Columns = """
        invoice.id, invoice.customer_id, invoice.subscription_id, invoice.sequential_id, invoice.number, invoice.invoice_type,
        invoice.status, invoice.payment_status, invoice.currency, invoice.period_from, invoice.period_to,
        invoice.fees_amount_cents, invoice.total_amount_cents, invoice.issuing_date, invoice.payment_due_date,
        invoice.finalize_after, invoice.finalized_at, invoice.created_at
        """;

    public const string FeeColumns = """
        id, invoice_id, position, fee_type, charge_id, item_code, item_name, units, events_count, precise_amount, amount_cents,
        currency, from_date, to_date, amount_details
        """;

    /// <summary>False when this subscription and period has its invoice already.</summary>
    public static async Task<bool> AddDraftAsync(NpgsqlTransaction transaction, Invoice invoice) => await transaction.Connection!.ExecuteAsync("""
        insert into invoices (id, customer_id, subscription_id, invoice_type, status, payment_status, currency, period_from, period_to,
            issuing_date, finalize_after, created_at)
        values (@Id, @CustomerId, @SubscriptionId, @InvoiceType, @Status, @PaymentStatus, @Currency, @PeriodFrom, @PeriodTo,
            @IssuingDate, @FinalizeAfter, @CreatedAt)
        on conflict (subscription_id, period_from, invoice_type) where status <> 'voided' do nothing
        """, invoice, transaction) == 1;

    /// <summary>Puts these lines in place of a draft's old ones and returns the invoice with its new sums.</summary>
    public static async Task<Invoice> ReplaceFeesAsync(NpgsqlTransaction transaction, Invoice draft, IReadOnlyList<Fee> fees)
    {
        var connection = transaction.Connection!;
        await connection.ExecuteAsync("delete from fees where invoice_id = @Id", draft, transaction);
        await connection.ExecuteAsync($"""
            insert into fees ({FeeColumns})
            values (@Id, @InvoiceId, @Position, @FeeType, @ChargeId, @ItemCode, @ItemName, @Units, @EventsCount, @PreciseAmount, @AmountCents,
                @Currency, @FromDate, @ToDate, @AmountDetails::jsonb)
            """, fees, transaction);
        var total = fees.Aggregate(0L, (sum, fee) => checked(sum + fee.AmountCents));
        await connection.ExecuteAsync(
            "update invoices set fees_amount_cents = @total, total_amount_cents = @total where id = @Id", new { draft.Id, total }, transaction);
        return draft with { FeesAmountCents = total, TotalAmountCents = total };
    }

    /// <summary>
    /// Locks one draft whose grace is over, but for <paramref name="except"/>; the periods of a subscription one after the other.
    /// Null when there is none.
    /// </summary>
    public static async Task<Invoice?> TakeToFinalizeAsync(NpgsqlTransaction transaction, DateTimeOffset now, IReadOnlyCollection<Guid> except) =>
        await transaction.Connection!.QuerySingleOrDefaultAsync<Invoice>($"""
            select {Columns} from invoices invoice
            where invoice.status = 'draft' and invoice.finalize_after <= @now and invoice.id <> all(@except)
                and not exists (select 1 from invoices earlier
                    where earlier.subscription_id = invoice.subscription_id and earlier.status = 'draft'
                        and earlier.period_from < invoice.period_from)
            order by invoice.finalize_after, invoice.id
            limit 1
            for update of invoice skip locked
            """, new { now, except = except.ToArray() }, transaction);

    /// <summary>Waits for the row lock. Null when there is no such invoice.</summary>
    public static async Task<Invoice?> LockAsync(NpgsqlTransaction transaction, Guid id) =>
        await transaction.Connection!.QuerySingleOrDefaultAsync<Invoice>(
            $"select {Columns} from invoices invoice where id = @id for update", new { id }, transaction);

    /// <summary>
    /// Draws the customer's next number. The customer's row is locked until the transaction ends, so numbers have no gap (a roll-back
    /// gives the number back) and no double; the lock does not hinder rows that refer to the customer.
    /// </summary>
    public static async Task<(long SequentialId, string Number)> DrawNumberAsync(NpgsqlTransaction transaction, Guid customerId)
    {
        var connection = transaction.Connection!;
        var customer = await connection.QuerySingleAsync<long>(
            "select sequential_id from customers where id = @customerId for no key update", new { customerId }, transaction);
        var next = await connection.QuerySingleAsync<long>(
            "select coalesce(max(sequential_id), 0) + 1 from invoices where customer_id = @customerId", new { customerId }, transaction);
        return (next, FormattableString.Invariant($"QTA-{customer:000}-{next:000}"));
    }

    /// <summary>The last change of the row but for its payment status.</summary>
    public static Task SaveFinalizedAsync(NpgsqlTransaction transaction, Invoice invoice) => transaction.Connection!.ExecuteAsync("""
        update invoices set status = @Status, payment_status = @PaymentStatus, sequential_id = @SequentialId, number = @Number,
            issuing_date = @IssuingDate, payment_due_date = @PaymentDueDate, finalized_at = @FinalizedAt
        where id = @Id
        """, invoice, transaction);

    public static Task SetPaymentStatusAsync(NpgsqlTransaction transaction, Guid id, string paymentStatus) => transaction.Connection!.ExecuteAsync(
        "update invoices set payment_status = @paymentStatus where id = @id", new { id, paymentStatus }, transaction);

    /// <summary>How a customer is invoiced, inside the caller's transaction.</summary>
    public static Task<Customer> CustomerAsync(NpgsqlConnection connection, Guid id, NpgsqlTransaction? transaction = null) =>
        connection.QuerySingleAsync<Customer>("""
            select id, external_id, name, email, currency, timezone, invoice_grace_period, net_payment_term, payment_provider,
                provider_customer_id, sequential_id, details, created_at
            from customers where id = @id
            """, new { id }, transaction);

    public async Task<(Invoice Invoice, IReadOnlyList<Fee> Fees, Customer Customer)?> FindAsync(Guid id)
    {
        await using var connection = await database.OpenConnectionAsync();
        var invoice = await connection.QuerySingleOrDefaultAsync<Invoice>($"select {Columns} from invoices invoice where id = @id", new { id });
        if (invoice is null)
            return null;
        var fees = await connection.QueryAsync<Fee>($"select {FeeColumns} from fees where invoice_id = @id order by position", new { id });
        return (invoice, [.. fees], await CustomerAsync(connection, invoice.CustomerId));
    }

    public async Task<(IReadOnlyList<(Invoice Invoice, string ExternalCustomerId)> Invoices, long Total)> ListAsync(
        InvoiceFilter filter, int offset, int count)
    {
        const string Where = """
            from invoices invoice join customers customer on customer.id = invoice.customer_id
            where (@ExternalCustomerId::text is null or customer.external_id = @ExternalCustomerId and customer.deleted_at is null)
                and (@Status::text is null or invoice.status = @Status)
                and (@PaymentStatus::text is null or invoice.payment_status = @PaymentStatus)
            """;
        var arguments = new { filter.ExternalCustomerId, filter.Status, filter.PaymentStatus, offset, count };
        await using var connection = await database.OpenConnectionAsync();
        var total = await connection.QuerySingleAsync<long>($"select count(*) {Where}", arguments);
        var rows = await connection.QueryAsync<Invoice, string, (Invoice, string)>(
            $"select {Columns}, customer.external_id as split {Where} order by invoice.period_to desc, invoice.id desc limit @count offset @offset",
            (invoice, customer) => (invoice, customer), arguments, splitOn: "split");
        return ([.. rows], total);
    }
}

/// <summary>Which invoices a list shows; null shows all.</summary>
internal sealed record InvoiceFilter(string? ExternalCustomerId, string? Status, string? PaymentStatus);
