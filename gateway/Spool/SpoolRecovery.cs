using System.Text.Json;
using Quota.Gateway.ControlPlane;
using Quota.Gateway.Limits;
using Quota.Gateway.Metering;
using StackExchange.Redis;

namespace Quota.Gateway.Spool;

/// <summary>
/// Before serving: gives every call that an earlier run began its one event, settles its counters, and gives back this gateway's holds
/// whose call was never sent. Only the owner of a spool does this. Killed half-way, the next start goes on where it stopped.
/// </summary>
internal sealed class SpoolRecovery(
    CallSpool spool, SpoolFolder folder, QuotaStore store, Settler settler, CurrentControl control, LimitsOptions options, GatewayClock clock, ILogger<SpoolRecovery> log)
    : BackgroundService
{
    private const int MostHolds = 100_000;
    private readonly HashSet<Guid> _resolved = [];
    private readonly Dictionary<Guid, CallOutcome> _ended = [];

    /// <summary>True once nothing of an earlier run is left open; metered calls are refused until then.</summary>
    public bool IsDone { get; private set; }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                if (control.Now is not null)
                {
                    await RecoverAsync();
                    return;
                }
            }
            catch (Exception problem) when (problem is RedisException or TimeoutException)
            {
                log.RecoveryWaits(problem.GetType().Name);
            }
            await Task.Delay(TimeSpan.FromMilliseconds(100), clock, stoppingToken);
        }
    }

    internal async Task RecoverAsync()
    {
        var pending = spool.Recovered.Where(call => !_resolved.Contains(call.Begin.Id)).ToArray();
        foreach (var call in pending)
            await ResolveAsync(call);
        await ReleaseUnbegunAsync();
        if (spool.Recovered.Count > 0)
            log.Recovered(spool.Recovered.Count);
        folder.NoteBoot();
        IsDone = true;
    }

    private async Task ResolveAsync(UnsettledCall call)
    {
        var begin = call.Begin;
        if (!_ended.TryGetValue(begin.Id, out var outcome))
        {
            if (call.End is { } end)
                outcome = new CallOutcome { Status = end.Status, Usage = end.Usage, EndedAt = end.EndedAt, Estimated = end.Estimated, HttpStatus = end.HttpStatus };
            else
                await spool.EndAsync(begin, outcome = await ReceiptOf(begin) ?? UsageEventComposer.Abandoned(begin));
            _ended[begin.Id] = outcome;   // a store that goes away now must not make a second event
        }
        await settler.SettleAsync(begin, outcome);
        _resolved.Add(begin.Id);
    }

    private async Task<CallOutcome?> ReceiptOf(BeginRecord begin) =>
        await store.ReadHoldAsync(begin.OrgId, begin.Id) is { State: "settled", Receipt: { Length: > 0 } receipt }
            ? JsonSerializer.Deserialize(receipt, SpoolJson.Default.CallOutcome)
            : null;

    /// <summary>A hold of ours without a begin record was never sent upstream, unless the record went with the power.</summary>
    private async Task ReleaseUnbegunAsync()
    {
        var begun = spool.Recovered.Select(call => call.Begin.Id).ToHashSet();
        foreach (var org in control.Now!.Orgs)
        {
            foreach (var requestId in await store.OpenHoldsAsync(org.Id, MostHolds))
            {
                if (begun.Contains(requestId) || await store.ReadHoldAsync(org.Id, requestId) is not { State: "held" or "reaped" } hold || hold.Owner != folder.Identity.Instance)
                    continue;
                if (folder.SameBoot)
                    await store.ReleaseAsync(org.Id, requestId, hold.Counters);
                else
                    log.HoldWithoutBegin(requestId, options.HoldDeadline);
            }
        }
    }
}
