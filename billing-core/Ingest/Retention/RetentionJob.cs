namespace Quota.Billing.Ingest;

/// <summary>Looks every hour whether months of events are old enough to be dropped. A failure is logged and the next look tries again.</summary>
internal sealed class RetentionJob(EventRetention retention, ILogger<RetentionJob> log) : BackgroundService
{
    private static readonly TimeSpan Interval = TimeSpan.FromHours(1);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Interval, TimeProvider.System);
        while (await timer.WaitForNextTickAsync(stoppingToken))
        {
            try
            {
                await retention.RunDueAsync(stoppingToken);
            }
            catch (Exception error) when (!stoppingToken.IsCancellationRequested)
            {
                Log.RetentionFailed(log, error);
            }
        }
    }
}
