using Npgsql;
using Quota.Billing.Clock;
using Quota.Billing.Subscriptions;

namespace Quota.Billing.Invoicing;

/// <summary>
/// Turns what is due into invoices: a draft for each period that ended, finalized when its grace is over. Each step takes one row
/// with <c>FOR UPDATE SKIP LOCKED</c> in a transaction of its own, so any number of replicas may run at once, a crash leaves
/// whole invoices or none, and a core that was down for months catches up in order.
/// </summary>
internal sealed class InvoiceRun(
    NpgsqlDataSource database, InvoiceBuilder builder, InvoiceFinalizer finalizer, TimeProvider clock, ILogger<InvoiceRun> log) : IDueWork
{
    /// <summary>How often rows in other hands are asked for again.</summary>
    private const int MaxWaits = 600;

    private static readonly TimeSpan Wait = TimeSpan.FromMilliseconds(50);

    public int Order => 200;

    /// <summary>
    /// Everything that is due now, including what other workers have in hand when they fail. Failures are logged and come again with
    /// the next run.
    /// </summary>
    public async Task RunDueAsync(CancellationToken cancel)
    {
        await EachAsync(DraftNextAsync, """
            select exists (select 1 from subscriptions where period_to <= @now and id <> all(@failed))
            """, cancel);
        await EachAsync(FinalizeNextAsync, """
            select exists (select 1 from invoices invoice
                where invoice.status = 'draft' and invoice.finalize_after <= @now and invoice.id <> all(@failed)
                    and not exists (select 1 from invoices earlier
                        where earlier.subscription_id = invoice.subscription_id and earlier.status = 'draft'
                            and earlier.period_from < invoice.period_from
                            and (earlier.id = any(@failed) or earlier.finalize_after > @now)))
            """, cancel);
    }

    /// <summary>Repeats a step until nothing is left that it could do, and waits a while for rows that another worker has locked.</summary>
    private async Task EachAsync(Func<NpgsqlConnection, List<Guid>, CancellationToken, Task<bool>> step, string left, CancellationToken cancel)
    {
        var failed = new List<Guid>();
        await using var connection = await database.OpenConnectionAsync(cancel);
        for (var waits = 0; waits < MaxWaits; waits++)
        {
            while (await step(connection, failed, cancel))
            {
            }
            await using var command = new NpgsqlCommand(left, connection);
            command.Parameters.AddWithValue("now", clock.GetUtcNow().UtcDateTime);
            command.Parameters.AddWithValue("failed", failed.ToArray());
            if (await command.ExecuteScalarAsync(cancel) is not true)
                return;
            await Task.Delay(Wait, TimeProvider.System, cancel);
        }
    }

    /// <summary>One draft for the subscription that waited longest. False when nothing is due.</summary>
    private async Task<bool> DraftNextAsync(NpgsqlConnection connection, List<Guid> failed, CancellationToken cancel)
    {
        await using var transaction = await connection.BeginTransactionAsync(cancel);
        var now = clock.GetUtcNow();
        if (await SubscriptionStore.TakeDueAsync(transaction, now, failed) is not { } subscription)
            return false;
        try
        {
            var period = new BillingPeriod(subscription.PeriodFrom!.Value, subscription.PeriodTo!.Value);
            var draft = await DraftAsync(transaction, subscription, period, now);
            if (await InvoiceStore.AddDraftAsync(transaction, draft))
            {
                var fees = await builder.BuildAsync(connection, subscription, draft.Id, period, now, cancel);
                await InvoiceStore.ReplaceFeesAsync(transaction, draft, fees);
            }
            await SubscriptionStore.AdvanceAsync(transaction, subscription.Id, subscription.PeriodAfter(period));
            await transaction.CommitAsync(cancel);
            Log.Drafted(log, draft.Id, subscription.ExternalId, period.From, period.To);
        }
        catch (Exception error) when (IsOfThisRow(error))
        {
            // One customer's trouble must not keep the others from their invoices.
            Log.DraftFailed(log, error, subscription.ExternalId);
            failed.Add(subscription.Id);
        }
        return true;
    }

    private static async Task<Invoice> DraftAsync(NpgsqlTransaction transaction, Subscription subscription, BillingPeriod period, DateTimeOffset now)
    {
        var customer = await InvoiceStore.CustomerAsync(transaction.Connection!, subscription.CustomerId, transaction);
        var calendar = subscription.Calendar();
        var finalizeAfter = calendar.AfterDays(period.To, customer.InvoiceGracePeriod);
        return new Invoice
        {
            Id = Guid.CreateVersion7(now),
            CustomerId = subscription.CustomerId,
            SubscriptionId = subscription.Id,
            Status = InvoiceState.Draft,
            PaymentStatus = PaymentState.Pending,
            Currency = subscription.PlanAmountCurrency,
            PeriodFrom = period.From,
            PeriodTo = period.To,
            IssuingDate = calendar.DayOf(finalizeAfter),
            FinalizeAfter = finalizeAfter,
            CreatedAt = now,
        };
    }

    /// <summary>Finalizes the draft that waited longest. False when nothing is due.</summary>
    private async Task<bool> FinalizeNextAsync(NpgsqlConnection connection, List<Guid> failed, CancellationToken cancel)
    {
        await using var transaction = await connection.BeginTransactionAsync(cancel);
        if (await InvoiceStore.TakeToFinalizeAsync(transaction, clock.GetUtcNow(), failed) is not { } draft)
            return false;
        try
        {
            var invoice = await finalizer.FinalizeAsync(transaction, draft, cancel);
            await transaction.CommitAsync(cancel);
            Log.Finalized(log, invoice.Number!, invoice.TotalAmountCents, invoice.Currency);
        }
        catch (Exception error) when (IsOfThisRow(error))
        {
            Log.FinalizeFailed(log, error, draft.Id);
            failed.Add(draft.Id);
        }
        return true;
    }

    /// <summary>
    /// Not a lost database and not a shutdown: those end the run. A command that took too long is transient to Npgsql, but it is this
    /// row's usage that is large, and the next run would meet it first again.
    /// </summary>
    internal static bool IsOfThisRow(Exception error) => error is not (OperationCanceledException or NpgsqlException { IsTransient: true })
        or NpgsqlException { InnerException: TimeoutException };
}
