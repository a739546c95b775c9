using Npgsql;
using Quota.Billing.Invoicing;
using Quota.Billing.Ledger;
using Quota.Shared.Amounts;

namespace Quota.Billing.Payments;

/// <summary>
/// What we learned about a PaymentIntent, from whichever side (our own call, a webhook, a later look), put into the books. Call it
/// with an intent fetched without a lock; it locks the invoice, then the attempt, applies by rank, and posts in the same transaction.
/// The same news twice, or older news after newer, changes nothing.
/// </summary>
internal sealed class PaymentNews(NpgsqlDataSource database, AttemptStore attempts, LedgerStore ledger, ILogger<PaymentNews> log)
{
    /// <summary>Returns the attempt as it stands afterwards.</summary>
    public async Task<PaymentAttempt> ApplyAsync(PaymentAttempt attempt, StripeIntent intent, CancellationToken cancel)
    {
        if (StateOf(intent.Status) is not { } state)
            return attempt;
        await using var connection = await database.OpenConnectionAsync(cancel);
        await using var transaction = await connection.BeginTransactionAsync(cancel);
        var invoice = (await InvoiceStore.LockAsync(transaction, attempt.InvoiceId))!;
        await AttemptStore.LockAsync(transaction, attempt.Id);
        if (await attempts.AdvanceAsync(connection, attempt.Id, state, AttemptState.RankOf(state), intent.Error, transaction: transaction))
        {
            if (state == AttemptState.Succeeded)
                await CaptureAsync(transaction, attempt, invoice, intent);
            else if (state == AttemptState.Canceled && invoice.PaymentStatus != PaymentState.Succeeded)
                await InvoiceStore.SetPaymentStatusAsync(transaction, invoice.Id, PaymentState.Failed);
        }
        var now = await AttemptStore.LockAsync(transaction, attempt.Id);
        await transaction.CommitAsync(cancel);
        Log.Applied(log, intent.Id, intent.Status, now.State);
        return now;
    }

    /// <summary>An attempt that ended before anything reached Stripe, or was refused there for good.</summary>
    public async Task FailAsync(PaymentAttempt attempt, string error, CancellationToken cancel)
    {
        await using var connection = await database.OpenConnectionAsync(cancel);
        await using var transaction = await connection.BeginTransactionAsync(cancel);
        var invoice = (await InvoiceStore.LockAsync(transaction, attempt.InvoiceId))!;
        var rank = AttemptState.RankOf(AttemptState.Canceled);
        var advanced = await attempts.AdvanceAsync(connection, attempt.Id, AttemptState.Canceled, rank, error, transaction: transaction);
        if (advanced && invoice.PaymentStatus != PaymentState.Succeeded)
            await InvoiceStore.SetPaymentStatusAsync(transaction, invoice.Id, PaymentState.Failed);
        await transaction.CommitAsync(cancel);
        Log.Failed(log, attempt.Id, invoice.Number, error);
    }

    /// <summary>Null for statuses that are not news: an intent that waits to be confirmed.</summary>
    private static string? StateOf(string status) => status switch
    {
        StripeTerms.Succeeded => AttemptState.Succeeded,
        StripeTerms.Canceled => AttemptState.Canceled,
        StripeTerms.Processing => AttemptState.Processing,
        StripeTerms.RequiresPaymentMethod or StripeTerms.RequiresAction => AttemptState.NeedsCustomer,
        _ => null,
    };

    /// <summary>
    /// Money came in. It pays the invoice, unless that is paid already or the amount is not what we asked for: then it is the
    /// customer's, and somebody has to look.
    /// </summary>
    private async Task CaptureAsync(NpgsqlTransaction transaction, PaymentAttempt attempt, Invoice invoice, StripeIntent intent)
    {
        var currency = Currency.Parse(intent.Currency);
        if (!StripeAmounts.TryFromStripe(intent.AmountReceived, currency, out var received))
            throw new InvalidOperationException($"{intent.Id} received {intent.AmountReceived} {currency}, which is no whole number of minor units.");
        var pays = invoice.PaymentStatus != PaymentState.Succeeded && received == attempt.AmountCents && currency.Code == attempt.Currency;
        var posted = await ledger.PostAsync(transaction, new LedgerEntry(LedgerKind.PaymentCaptured, intent.Id, attempt.CustomerId,
        [
            Posting.Debit(LedgerAccount.StripeInTransit, currency, received),
            Posting.Credit(pays ? LedgerAccount.Receivable : LedgerAccount.UnappliedCash, currency, received),
        ]));
        if (!posted)
            return;
        if (pays)
            await InvoiceStore.SetPaymentStatusAsync(transaction, invoice.Id, PaymentState.Succeeded);
        else
            Log.Unapplied(log, intent.Id, invoice.Number, received, currency.Code);
    }
}
