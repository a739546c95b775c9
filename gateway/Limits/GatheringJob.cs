using Quota.Gateway.ControlPlane;

namespace Quota.Gateway.Limits;

/// <summary>Calls this gateway to every gathering of counters that the snapshot names, also for orgs that it has no calls of.</summary>
internal sealed class GatheringJob(QuotaStore store, CurrentControl control, GatewayClock clock) : BackgroundService
{
    private ControlState? _seen;
    private long _seenAt;

    /// <summary>Said again as long as the snapshot names it, in case that an answer was lost.</summary>
    private static readonly TimeSpan Again = TimeSpan.FromSeconds(1);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(100), clock);
        while (await timer.WaitForNextTickAsync(stoppingToken))
        {
            if (control.Now is not { } state || (ReferenceEquals(_seen, state) && clock.GetElapsedTime(_seenAt) < Again))
                continue;
            (_seen, _seenAt) = (state, clock.GetTimestamp());
            foreach (var org in state.Orgs)
            {
                if (org.Gathering is { } epoch)
                    store.Epoch(org.Id).Call(epoch);
            }
        }
    }
}
