using System.Text.Json;
using Quota.Gateway.ControlPlane;
using Quota.Gateway.Limits;
using Quota.Gateway.Limits.Store;
using Quota.Gateway.Metering;
using Quota.Shared.Usage;
using StackExchange.Redis;

namespace Quota.Gateway.Spool;

/// <summary>
/// Before serving: gives every call that an earlier run began its one event, settles its counters, and gives back this gateway's holds
/// whose call was never sent. Only the owner of a spool does this. Killed half-way, the next start goes on where it stopped.
/// </summary>
internal sealed class SpoolRecovery(
    CallSpool spool, SpoolFolder folder, TallyFile tallies, CounterTally tally, QuotaStore store, Settler settler, CurrentControl control, LimitsOptions options, GatewayClock clock,
    ILogger<SpoolRecovery> log)
    : BackgroundService
{
    private const int MostHolds = 100_000;
    private readonly HashSet<Guid> _resolved = [];
    private readonly Dictionary<Guid, CallOutcome> _ended = [];

    /// <summary>True once nothing of an earlier run is left open; metered calls are refused until then.</summary>
    public bool IsDone { get; private set; }

    public override Task StartAsync(CancellationToken cancellationToken)
    {
        tally.Restore(tallies.Read());
        foreach (var call in spool.Ended)
            tally.Ended(call.End!.Seq, call.Begin, settler.AmountsOf(call.Begin, OutcomeOf(call.End)));
        spool.Tally = () => tally.Checkpoint(options.CounterGrace);
        return base.StartAsync(cancellationToken);
    }

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
            catch (Exception problem) when (problem is RedisException or TimeoutException or StoreClosedException)
            {
                log.RecoveryWaits(problem.Message);
            }
            await Task.Delay(TimeSpan.FromMilliseconds(100), clock, stoppingToken);
        }
    }

    internal async Task RecoverAsync()
    {
        // First every call gets its event, so that counters which have to be rebuilt are rebuilt from all of them.
        foreach (var call in spool.Recovered.Where(call => !_ended.ContainsKey(call.Begin.Id)))
            await EndAsync(call);
        tally.IsWhole = true;
        foreach (var call in spool.Recovered.Where(call => !_resolved.Contains(call.Begin.Id)))
        {
            await settler.SettleAsync(new EndedCall(call.Begin, _ended[call.Begin.Id], settler.AmountsOf(call.Begin, _ended[call.Begin.Id])));
            _resolved.Add(call.Begin.Id);
        }
        await ReleaseUnbegunAsync();
        if (spool.Recovered.Count > 0)
            log.Recovered(spool.Recovered.Count);
        folder.NoteBoot();
        IsDone = true;
    }

    private async Task EndAsync(UnsettledCall call)
    {
        var begin = call.Begin;
        if (call.End is { } end)
        {
            _ended[begin.Id] = OutcomeOf(end);
            return;
        }
        var outcome = await ReceiptOf(begin) ?? UsageEventComposer.Abandoned(begin);
        var seq = await spool.EndAsync(begin, outcome);
        tally.Ended(seq, begin, settler.AmountsOf(begin, outcome));
        _ended[begin.Id] = outcome;   // a store that goes away now must not make a second event
    }

    /// <summary>A store that has lost its counters has lost the receipts with them: the call is abandoned, as if it had never answered.</summary>
    private async Task<CallOutcome?> ReceiptOf(BeginRecord begin)
    {
        try
        {
            return await store.ReadHoldAsync(begin.OrgId, begin.Id) is { State: "settled", Receipt: { Length: > 0 } receipt }
                ? JsonSerializer.Deserialize(receipt, SpoolJson.Default.CallOutcome) : null;
        }
        catch (StoreClosedException) when (store.Lane(begin.OrgId).HasLost)
        {
            return null;
        }
    }

    private static CallOutcome OutcomeOf(UsageEvent end) =>
        new() { Status = end.Status, Usage = end.Usage, EndedAt = end.EndedAt, Estimated = end.Estimated, HttpStatus = end.HttpStatus };

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
