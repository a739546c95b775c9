using System.Threading.Channels;

namespace Quota.Gateway.Limits;

/// <summary>
/// Releases holds in the background until the store says that nothing of them is left: those whose call was never sent, and those
/// that may or may not exist because a reserve got no answer. Bounded: beyond it the reaper charges the hold at its deadline, and the
/// next start of this gateway releases it, because no begin record names it.
/// </summary>
internal sealed class ReleaseQueue(QuotaStore store, LimitsOptions options, GatewayClock time, ILogger<ReleaseQueue> log) : BackgroundService
{
    private readonly Channel<(string OrgId, Guid RequestId, long Since)> _queue =
        Channel.CreateBounded<(string, Guid, long)>(new BoundedChannelOptions(100_000) { FullMode = BoundedChannelFullMode.DropWrite });

    public void Add(string orgId, Guid requestId) => _queue.Writer.TryWrite((orgId, requestId, time.GetTimestamp()));

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        await foreach (var (orgId, requestId, since) in _queue.Reader.ReadAllAsync(stoppingToken))
        {
            if (await TryReleaseAsync(orgId, requestId, time.GetElapsedTime(since)))
                continue;
            _queue.Writer.TryWrite((orgId, requestId, since));   // to the end: one org that is closed holds up no other
            await Task.Delay(TimeSpan.FromMilliseconds(50), time, stoppingToken);
        }
    }

    /// <summary>True when the hold is gone for good: an unanswered reserve can still arrive until its horizon has passed.</summary>
    private async Task<bool> TryReleaseAsync(string orgId, Guid requestId, TimeSpan waited)
    {
        try
        {
            if (await store.ReadHoldAsync(orgId, requestId) is { } hold)
                return hold.State == "settled" || await store.ReleaseAsync(orgId, requestId, hold.Counters);   // settled: charged meanwhile, nothing is left to give back
            return waited > options.RedisTimeout * 2;
        }
        catch (Exception problem) when (problem is not OperationCanceledException)
        {
            log.StoreSilent(problem.Message);
            return false;
        }
    }
}
