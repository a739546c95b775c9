using Quota.Gateway.ControlPlane;
using Quota.Gateway.Diagnostics;
using Quota.Gateway.Limits.Store;
using StackExchange.Redis;

namespace Quota.Gateway.Limits;

/// <summary>
/// Every third of a hold's lifetime: renews the holds of this gateway's live requests, and reaps those of any gateway whose
/// deadline has passed, at most 100 an org a sweep.
/// </summary>
internal sealed class HoldJob(QuotaStore store, CounterTally tally, CurrentControl control, LimitsOptions options, GatewayClock clock, GatewayMetrics metrics, ILogger<HoldJob> log) : BackgroundService
{
    private const int MostPerSweep = 100;
    private const int MostAtOnce = 500;

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(options.HoldDeadline / 3, clock);
        while (await timer.WaitForNextTickAsync(stoppingToken))
        {
            // A store that is away is tried again at the next tick; a hold that runs out is only charged provisionally.
            await TryAsync(() => RenewAsync(options.HoldDeadline / 3));
            foreach (var org in control.Now?.Orgs ?? [])
                await TryAsync(() => ReapAsync(org.Id, org.Code));
            await TryAsync(NoteEpochsAsync);
        }
    }

    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        await base.StopAsync(cancellationToken);
        await TryAsync(NoteEpochsAsync);
    }

    internal async Task RenewAsync(TimeSpan olderThan)
    {
        var now = DateTimeOffset.FromUnixTimeMilliseconds(store.NowMs);   // the clock that holds have their time from
        foreach (var part in tally.Open().Where(hold => hold.IsStored && now - hold.At >= olderThan).Chunk(MostAtOnce))
            await Task.WhenAll(part.Select(RenewAsync));
    }

    private async Task RenewAsync(Hold hold)
    {
        switch (await store.ExtendAsync(hold, [.. hold.Counters.Select(counter => counter.Quantity)]))
        {
            case ExtendOutcome.Held:
                hold.IsLost = false;
                break;
            case ExtendOutcome.Reaped:
                // It was charged, and others have taken its place: nothing more may go out until it fits again.
                hold.IsLost = true;
                log.HoldNotRenewed(hold.RequestId);
                break;
        }
    }

    internal async Task ReapAsync(string orgId, string org)
    {
        var reaped = await store.ReapAsync(orgId, MostPerSweep);
        if (reaped.Count == 0)
            return;
        metrics.Reaped(reaped.Count);
        log.Reaped(reaped.Count, org);
    }

    private async Task NoteEpochsAsync()
    {
        foreach (var epoch in store.Epochs)
            await epoch.NoteAsync();
    }

    private async Task TryAsync(Func<Task> step)
    {
        try
        {
            await step();
        }
        catch (Exception problem) when (problem is RedisException or TimeoutException or StoreClosedException or IOException or UnauthorizedAccessException)
        {
            log.StoreSilent(problem.Message);
        }
    }
}
