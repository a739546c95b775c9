using Quota.Billing.Subscriptions;

namespace Quota.Billing.Invoicing;

/// <summary>Looks every few seconds for subscriptions to start and periods to bill. A failure is logged and the next look tries again.</summary>
internal sealed class InvoiceRunJob(SubscriptionStartJob start, InvoiceRun run, ILogger<InvoiceRunJob> log) : BackgroundService
{
    private static readonly TimeSpan Every = TimeSpan.FromSeconds(5);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Every, TimeProvider.System);
        do
        {
            // Each by itself: a subscription that cannot start must not keep the others from their invoices.
            await TryAsync(start.RunDueAsync, stoppingToken);
            await TryAsync(run.RunDueAsync, stoppingToken);
        }
        while (await NextAsync(timer, stoppingToken));
    }

    private async Task TryAsync(Func<CancellationToken, Task> step, CancellationToken stopping)
    {
        try
        {
            await step(stopping);
        }
        catch (OperationCanceledException) when (stopping.IsCancellationRequested)
        {
            // The next tick ends the loop.
        }
        catch (Exception error)
        {
            Log.RunFailed(log, error);
        }
    }

    private static async Task<bool> NextAsync(PeriodicTimer timer, CancellationToken stopping)
    {
        try
        {
            return await timer.WaitForNextTickAsync(stopping);
        }
        catch (OperationCanceledException)
        {
            return false;
        }
    }
}
