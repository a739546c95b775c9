using System.Buffers.Binary;
using System.Text.Json;
using Quota.Gateway.ControlPlane;
using Quota.Gateway.Limits;
using Quota.Gateway.Limits.Store;
using Quota.Gateway.Metering;
using Quota.Shared.Usage;
using StackExchange.Redis;

namespace Quota.Gateway.Spool;

/// <summary>
/// Gives every call that an earlier run began its one event, before serving; then settles its counters, and gives back this gateway's holds
/// whose call was never sent. Only the owner of a spool does this. Killed half-way, the next start goes on where it stopped.
/// </summary>
internal sealed class SpoolRecovery(
    CallSpool spool, SpoolFolder folder, LostCalls lost, TallyFile tallies, CounterTally tally, QuotaStore store, Settler settler, CurrentControl control, LimitsOptions options, GatewayClock clock,
    ILogger<SpoolRecovery> log)
    : BackgroundService
{
    private const int MostHolds = 100_000;
    private static readonly TimeSpan Again = TimeSpan.FromMilliseconds(100);

    private readonly DateTimeOffset _started = clock.GetUtcNow();
    private readonly HashSet<Guid> _settled = [];
    private readonly Dictionary<Guid, (CallOutcome Outcome, long Seq)> _ended = [];
    private readonly List<BeginRecord> _found = [];
    private readonly HashSet<string> _released = [];
    private bool _reachesBack;

    /// <summary>True once every call of an earlier run has its event; metered calls are refused until then.</summary>
    public bool IsDone { get; private set; }

    /// <summary>True once every org's counters were asked for, be it in vain: only then it is known whether they can be counted on.</summary>
    public bool HasAsked { get; private set; }

    public override Task StartAsync(CancellationToken cancellationToken)
    {
        var checkpoint = tallies.Read();
        tally.Restore(checkpoint with { Through = Math.Max(checkpoint.Through, spool.FirstSeq - 1) });
        _reachesBack = checkpoint.Through >= spool.FirstSeq - 1;
        var open = spool.Recovered.Where(call => !call.Begin.IsHeld).Select(call => call.Begin.Id).ToHashSet();
        foreach (var call in spool.Ended.Where(call => !open.Contains(call.Begin.Id)))   // what was admitted without the store counts once it is charged
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
                if ((IsDone || await EndAllAsync()) && control.Now is { } state && await SettleAllAsync(state))
                    return;
            }
            catch (Exception problem) when (problem is RedisException or TimeoutException or StoreClosedException)
            {
                log.RecoveryWaits(problem.Message);
            }
            await Task.Delay(Again, clock, stoppingToken);
        }
    }

    /// <summary>First every call gets its event, so that counters which have to be rebuilt are rebuilt from all of them.</summary>
    private async Task<bool> EndAllAsync()
    {
        foreach (var call in spool.Recovered.Where(call => !_ended.ContainsKey(call.Begin.Id)))
            await EndAsync(call);
        if (spool.MayHaveLost && !await EndLostAsync())
            return false;
        if (spool.Recovered.Count > 0)
            log.Recovered(spool.Recovered.Count);
        tally.IsWhole = _reachesBack;
        folder.NoteBoot();
        return IsDone = true;
    }

    /// <summary>
    /// Calls that went with the power get their records again, and with them their event. They are begun anew rather than only ended: a start that is
    /// killed between the two goes on from the begin record.
    /// </summary>
    private async Task<bool> EndLostAsync()
    {
        if (control.Now is not { } state)
            return false;
        foreach (var (begin, outcome) in await lost.FindAsync(state))
        {
            await spool.BeginAsync(begin);
            var seq = await spool.EndAsync(begin, outcome);
            tally.Ended(seq, begin, settler.AmountsOf(begin, outcome));
            _ended[begin.Id] = (outcome, seq);
            _found.Add(begin);
        }
        spool.FoundLost();
        if (_found.Count > 0)
            log.FoundLost(_found.Count);
        return true;
    }

    /// <summary>Then the counters, org by org: one whose counters are closed holds up no other. True when nothing is left to do.</summary>
    private async Task<bool> SettleAllAsync(ControlState state)
    {
        var isDone = true;
        foreach (var begin in spool.Recovered.Select(call => call.Begin).Concat(_found).Where(begin => !_settled.Contains(begin.Id)))
        {
            var (outcome, seq) = _ended[begin.Id];
            isDone &= await TryAsync(async () =>
            {
                await settler.SettleAsync(new EndedCall(begin, outcome, settler.AmountsOf(begin, outcome), seq));
                _settled.Add(begin.Id);
            });
        }
        foreach (var org in state.Orgs.Where(org => !_released.Contains(org.Id)))
        {
            isDone &= await TryAsync(async () =>
            {
                await ReleaseUnbegunAsync(org.Id);
                _released.Add(org.Id);
            });
        }
        HasAsked = true;
        return isDone;
    }

    private async Task<bool> TryAsync(Func<Task> step)
    {
        try
        {
            await step();
            return true;
        }
        catch (Exception problem) when (problem is RedisException or TimeoutException or StoreClosedException)
        {
            log.RecoveryWaits(problem.Message);
            return false;
        }
    }

    private async Task EndAsync(UnsettledCall call)
    {
        var begin = call.Begin;
        if (call.End is { } end)
        {
            _ended[begin.Id] = (OutcomeOf(end), end.Seq);
            return;
        }
        // Within one boot of the machine a settled call has its end record: it was written first. After a power loss the receipt may know more.
        var outcome = (folder.SameBoot ? null : await ReceiptOf(begin)) ?? UsageEventComposer.Abandoned(begin, call.Progress);
        var seq = await spool.EndAsync(begin, outcome);
        if (begin.IsHeld)
            tally.Ended(seq, begin, settler.AmountsOf(begin, outcome));
        _ended[begin.Id] = (outcome, seq);   // a store that goes away now must not make a second event
    }

    /// <summary>A store that has lost its counters has lost the receipts with them: the call is abandoned, as if it had never answered.</summary>
    private async Task<CallOutcome?> ReceiptOf(BeginRecord begin)
    {
        try
        {
            return await store.ReadHoldAsync(begin.OrgId, begin.Id) is { State: "settled", Receipt: { Length: > 0 } receipt }
                ? JsonSerializer.Deserialize(receipt, SpoolJson.Default.CallOutcome) : null;
        }
        catch (StoreClosedException) when (store.Epoch(begin.OrgId).HasLost)
        {
            return null;
        }
    }

    private static CallOutcome OutcomeOf(UsageEvent end) =>
        new()
        {
            Status = end.Status, Usage = end.Usage, EndedAt = end.EndedAt, Estimated = end.Estimated, HttpStatus = end.HttpStatus, ServiceTier = end.ServiceTier,
            ProviderCost = end.CostSource == UsageEvent.OfProvider && decimal.TryParse(end.Cost, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var cost) ? cost : null,
        };

    /// <summary>A hold of ours without a begin record was never sent upstream, unless the record went with the power. Younger ones are of this run.</summary>
    private async Task ReleaseUnbegunAsync(string orgId)
    {
        var open = await store.OpenHoldsAsync(orgId, MostHolds);   // in any case: a gateway is ready once its counters are open
        if (!folder.SameBoot)
            return;   // what has no begin record may have been sent all the same, and has its event now
        var begun = spool.Recovered.Select(call => call.Begin.Id).ToHashSet();
        var running = tally.Open().Select(hold => hold.RequestId).ToHashSet();
        foreach (var requestId in open)
        {
            if (begun.Contains(requestId) || running.Contains(requestId) || TimeOf(requestId) >= _started.ToUnixTimeMilliseconds()
                || await store.ReadHoldAsync(orgId, requestId) is not { State: "held" or "reaped" } hold || hold.Owner != folder.Identity.Instance)
                continue;
            await store.ReleaseAsync(orgId, requestId, hold.Counters);
        }
    }

    /// <summary>When an id was made, by this gateway's clock: the first 48 bits of a UUIDv7 (RFC 9562).</summary>
    private static long TimeOf(Guid id) => (long)(BinaryPrimitives.ReadUInt64BigEndian(id.ToByteArray(bigEndian: true)) >> 16);
}
