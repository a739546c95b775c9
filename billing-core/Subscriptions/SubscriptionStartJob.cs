using Npgsql;
using Quota.Billing.Clock;

namespace Quota.Billing.Subscriptions;

/// <summary>Starts subscriptions whose time has come. Called by the invoice run before it looks for what is due.</summary>
internal sealed class SubscriptionStartJob(NpgsqlDataSource database, TimeProvider clock) : IDueWork
{
    /// <summary>Before invoices: a subscription may start and end a period in one move of the clock.</summary>
    public int Order => 100;

    /// <summary>Starts them one by one, each in its own transaction. Safe on several replicas at once.</summary>
    public async Task RunDueAsync(CancellationToken cancel)
    {
        await using var connection = await database.OpenConnectionAsync(cancel);
        while (true)
        {
            await using var transaction = await connection.BeginTransactionAsync(cancel);
            if (await SubscriptionStore.TakeStartingAsync(transaction, clock.GetUtcNow()) is not { } subscription)
                return;
            await SubscriptionStore.StartAsync(transaction, subscription.Id, subscription.FirstPeriod(subscription.SubscriptionAt));
            await transaction.CommitAsync(cancel);
        }
    }
}
