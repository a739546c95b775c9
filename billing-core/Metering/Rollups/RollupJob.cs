namespace Quota.Billing.Metering.Rollups;

/// <summary>Builds wanted rollups soon after they are wanted.</summary>
internal sealed class RollupJob(RollupBuilder builder, ILogger<RollupJob> log) : BackgroundService
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Interval, TimeProvider.System);
        do
        {
            try
            {
                await builder.BuildWantedAsync(stoppingToken);
            }
            catch (Exception error) when (!stoppingToken.IsCancellationRequested)
            {
                Log.RollupsNotBuilt(log, error);    // the events are all there, so usage is read from them meanwhile
            }
        }
        while (await timer.WaitForNextTickAsync(stoppingToken));
    }
}
