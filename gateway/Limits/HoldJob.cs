using System.Collections.Concurrent;
using Quota.Gateway.ControlPlane;

namespace Quota.Gateway.Limits;

/// <summary>
/// Every third of a hold's lifetime: renews the holds of this gateway's live requests, and reaps those of any gateway whose
/// deadline has passed, at most 100 an org a sweep.
/// </summary>
internal sealed class HoldJob(QuotaStore store, CurrentControl control, LimitsOptions options, GatewayClock clock, ILogger<HoldJob> log) : BackgroundService
{
    private const int MostPerSweep = 100;
    private readonly ConcurrentDictionary<Guid, Hold> _live = new();

    public void Started(Hold hold) => _live[hold.RequestId] = hold;

    public void Ended(Guid requestId) => _live.TryRemove(requestId, out _);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(options.HoldDeadline / 3, clock);
        while (await timer.WaitForNextTickAsync(stoppingToken))
        {
            try
            {
                await RenewAsync(options.HoldDeadline / 3);
                await ReapAsync();
            }
            catch (Exception problem) when (problem is not OperationCanceledException)
            {
                log.StoreSilent(problem.GetType().Name);   // tried again at the next tick; a hold that runs out is only charged provisionally
            }
        }
    }

    internal async Task RenewAsync(TimeSpan olderThan)
    {
        var now = clock.GetUtcNow();
        foreach (var hold in _live.Values.Where(hold => now - hold.At >= olderThan))
        {
            if (!await store.ExtendAsync(hold))
                log.HoldNotRenewed(hold.RequestId);
        }
    }

    internal async Task ReapAsync()
    {
        foreach (var org in control.Now?.Orgs ?? [])
        {
            var reaped = await store.ReapAsync(org.Id, MostPerSweep);
            if (reaped.Count > 0)
                log.Reaped(reaped.Count, org.Code);
        }
    }
}
