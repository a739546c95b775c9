using Dapper;
using Npgsql;
using Quota.Billing.Catalog;
using Quota.Billing.Metering;
using Quota.Shared.Amounts;

namespace Quota.Billing.Invoicing;

/// <summary>A period that ended: its invoice, draft or final, and what it says of usage. A charge without use and without a price is absent.</summary>
internal sealed record BilledPeriod(Invoice Invoice, IReadOnlyList<RatedCharge> Charges);

/// <summary>What ended periods were billed for usage.</summary>
internal static class BilledUsage
{
    /// <summary>Of every subscription that ever had this external id and was this customer's.</summary>
    private const string OfSubscription = """
        from invoices invoice join subscriptions s on s.id = invoice.subscription_id
        where s.external_id = @ExternalSubscriptionId and s.customer_id = @CustomerId and invoice.invoice_type = 'subscription' and invoice.status <> 'voided'
        """;

    public static Task<long> CountAsync(NpgsqlConnection connection, MeterSubject subject) =>
        connection.ExecuteScalarAsync<long>($"select count(*) {OfSubscription}", subject);

    /// <summary>The last period first.</summary>
    public static async Task<IReadOnlyList<BilledPeriod>> PageAsync(NpgsqlConnection connection, MeterSubject subject, int offset, int count)
    {
        var invoices = (await connection.QueryAsync<Invoice>($"""
            select {InvoiceStore.Columns} {OfSubscription} order by invoice.period_from desc, invoice.id desc limit @count offset @offset
            """, new { subject.ExternalSubscriptionId, subject.CustomerId, offset, count })).AsList();
        var fees = (await connection.QueryAsync<Fee>($"""
            select {InvoiceStore.FeeColumns} from fees where invoice_id = any(@ids) and fee_type = 'charge' order by position
            """, new { ids = invoices.ConvertAll(invoice => invoice.Id).ToArray() })).ToLookup(fee => fee.InvoiceId);
        var plans = await connection.QueryAsync<Guid>("select distinct plan_id from subscriptions where id = any(@ids)",
            new { ids = invoices.ConvertAll(invoice => invoice.SubscriptionId).ToArray() });
        var charges = (await PlanStore.ChargesAsync(connection, [.. plans])).ToDictionary(charge => charge.Id);
        return invoices.ConvertAll(invoice => new BilledPeriod(invoice, [.. fees[invoice.Id].Select(fee => new RatedCharge(
            charges[fee.ChargeId!.Value], fee.Units, fee.EventsCount, fee.PreciseAmount, fee.AmountCents, Currency.Parse(fee.Currency), fee.AmountDetails))]));
    }
}
