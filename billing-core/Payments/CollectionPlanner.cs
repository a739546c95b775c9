using Npgsql;
using Quota.Billing.Customers;
using Quota.Billing.Invoicing;
using Quota.Billing.Outbox;

namespace Quota.Billing.Payments;

/// <summary>
/// Plans attempts under the invoice's row lock: the attempt and the owed effect are rows of the same transaction, so there is never
/// one without the other. Collecting itself happens later, from the outbox.
/// </summary>
internal sealed class CollectionPlanner(AttemptStore attempts, OutboxStore outbox)
{
    /// <summary>The outbox kind of "collect this attempt"; the reference is the attempt's id.</summary>
    public const string Kind = "payment_collect";

    /// <summary>For an invoice that is being finalized. Customers without a payment provider pay by other ways.</summary>
    public async Task PlanFirstAsync(NpgsqlTransaction transaction, Invoice invoice, Customer customer)
    {
        if (customer.PaymentProvider is not null)
            await PlanAsync(transaction, invoice);
    }

    /// <summary>False while an attempt is not over: at Stripe it could still be paid.</summary>
    public async Task<bool> PlanAsync(NpgsqlTransaction transaction, Invoice invoice)
    {
        if (await attempts.PlanAsync(transaction, invoice.Id, invoice.TotalAmountCents, invoice.Currency) is not { } attempt)
            return false;
        await outbox.AddAsync(transaction, Kind, attempt.ToString());
        return true;
    }
}
