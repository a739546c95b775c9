using Npgsql;
using Quota.Billing.Ledger;
using Quota.Billing.Payments;
using Quota.Billing.Subscriptions;
using Quota.Shared.Amounts;

namespace Quota.Billing.Invoicing;

/// <summary>
/// Draft → finalized, in the caller's transaction: usage read again, number drawn last, ledger entry and owed collection with it.
/// After the commit the invoice never changes, so all of it happens or nothing.
/// </summary>
internal sealed class InvoiceFinalizer(InvoiceBuilder builder, LedgerStore ledger, CollectionPlanner collection, TimeProvider clock)
{
    /// <summary>Reads the usage again while it is a draft.</summary>
    public async Task<Invoice> RefreshAsync(NpgsqlTransaction transaction, Invoice draft, CancellationToken cancel)
    {
        var subscription = await SubscriptionStore.GetAsync(transaction, draft.SubscriptionId);
        var fees = await builder.BuildAsync(transaction.Connection!, subscription, draft.Id, draft.Period, clock.GetUtcNow(), cancel);
        return await InvoiceStore.ReplaceFeesAsync(transaction, draft, fees);
    }

    /// <param name="draft">Its row is locked by the transaction.</param>
    public async Task<Invoice> FinalizeAsync(NpgsqlTransaction transaction, Invoice draft, CancellationToken cancel)
    {
        var now = clock.GetUtcNow();
        var subscription = await SubscriptionStore.GetAsync(transaction, draft.SubscriptionId);
        var fees = await builder.BuildAsync(transaction.Connection!, subscription, draft.Id, draft.Period, now, cancel);
        var refreshed = await InvoiceStore.ReplaceFeesAsync(transaction, draft, fees);
        var customer = await InvoiceStore.CustomerAsync(transaction.Connection!, draft.CustomerId, transaction);
        // The day it is issued, not the one it was expected: an invoice that comes late is not overdue at once.
        var issued = subscription.Calendar().DayOf(now);
        var (sequentialId, number) = await InvoiceStore.DrawNumberAsync(transaction, draft.CustomerId);
        var finalized = refreshed with
        {
            Status = InvoiceState.Finalized,
            // Nothing to pay is paid.
            PaymentStatus = refreshed.TotalAmountCents == 0 ? PaymentState.Succeeded : PaymentState.Pending,
            SequentialId = sequentialId,
            Number = number,
            IssuingDate = issued,
            PaymentDueDate = issued.AddDays(customer.NetPaymentTerm),
            FinalizedAt = now,
        };
        await InvoiceStore.SaveFinalizedAsync(transaction, finalized);
        if (finalized.TotalAmountCents > 0)
        {
            await ledger.PostAsync(transaction, Entry(finalized, fees));
            await collection.PlanFirstAsync(transaction, finalized, customer);
        }
        return finalized;
    }

    /// <summary>In arrears: the customer owes us what was earned in the period.</summary>
    private static LedgerEntry Entry(Invoice invoice, IReadOnlyList<Fee> fees)
    {
        var currency = Currency.Parse(invoice.Currency);
        var postings = new List<Posting> { Posting.Debit(LedgerAccount.Receivable, currency, invoice.TotalAmountCents) };
        var accounts = new[] { (FeeType.Subscription, LedgerAccount.SubscriptionRevenue), (FeeType.Charge, LedgerAccount.UsageRevenue) };
        foreach (var (type, account) in accounts)
        {
            var earned = fees.Where(fee => fee.FeeType == type).Sum(fee => fee.AmountCents);
            if (earned != 0)
                postings.Add(Posting.Credit(account, currency, earned));
        }
        return new LedgerEntry(LedgerKind.InvoiceFinalized, invoice.Id.ToString(), invoice.CustomerId, postings)
        {
            ServiceFrom = invoice.PeriodFrom,
            ServiceTo = invoice.PeriodTo,
        };
    }
}
