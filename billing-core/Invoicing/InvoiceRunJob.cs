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
            try
            {
                await start.RunDueAsync(stoppingToken);
                await run.RunDueAsync(stoppingToken);
            }
            catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
            {
                return;
            }
            catch (Exception error)
            {
                Log.RunFailed(log, error);
            }
        }
        while (await NextAsync(timer, stoppingToken));
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
