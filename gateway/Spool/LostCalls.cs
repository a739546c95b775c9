using System.Text.Json;
using Quota.Gateway.ControlPlane;
using Quota.Gateway.Limits;
using Quota.Gateway.Limits.Store;

namespace Quota.Gateway.Spool;

/// <summary>
/// The calls whose records went with the machine's power (protocols.md, C2), found by their holds: each holds a note of its call. Nothing is written
/// here; asked again, it answers the same, but for those that have their records by then.
/// </summary>
/// <remarks>
/// A hold of ours without a begin record was begun in the last instant before the power went, or never answered to us: which of the two is not known,
/// and it is taken for sent. A settled one had an event, whose number the receipt has: below the first that the log still holds it was shipped and
/// deleted, else it would be there.
/// </remarks>
internal sealed class LostCalls(CallSpool spool, GatewayIdentity identity, QuotaStore store, ILogger<LostCalls> log)
{
    /// <summary>More than can be lost between two fsyncs; what lies beyond is charged by the reaper without an event.</summary>
    private const int Most = 100_000;

    /// <exception cref="StackExchange.Redis.RedisException">The store does not answer.</exception>
    /// <exception cref="TimeoutException">The same.</exception>
    public async Task<IReadOnlyList<(BeginRecord Begin, CallOutcome Outcome)>> FindAsync(ControlState state)
    {
        var (written, found) = (Written().ToHashSet(), new Dictionary<Guid, FoundHold>());
        await foreach (var hold in store.HoldsOfAsync(new HashSet<string> { identity.Instance }))
        {
            // Those of earlier epochs stay as they were left, whatever became of their calls since.
            if (hold.Epoch == store.Epoch(hold.OrgId).Earlier && IsLost(hold) && !written.Contains(hold.RequestId) && found.Count < Most)
                found[hold.RequestId] = hold;
        }
        List<(BeginRecord, CallOutcome)> lost = [];
        foreach (var hold in found.Values.OrderBy(hold => hold.RequestId))
        {
            if (CallNote.Read(hold.Note)?.BeginOf(hold, state) is not { } begin)
                log.HoldWithoutBegin(hold.RequestId);
            else if (OutcomeOf(hold, begin) is { } outcome)
                lost.Add((begin, outcome));
        }
        return lost;
    }

    /// <summary>Unless it has a record.</summary>
    private bool IsLost(FoundHold hold) => hold.State switch
    {
        "held" or "reaped" => true,
        "settled" => CallReceipt.Read(hold.Receipt) is { Seq: { } seq } && seq >= spool.FirstSeq,
        _ => false,
    };

    private static CallOutcome? OutcomeOf(FoundHold hold, BeginRecord begin) => hold.State == "settled" ? CallReceipt.Read(hold.Receipt) : UsageEventComposer.Abandoned(begin);

    /// <summary>The calls that have a record.</summary>
    private IEnumerable<Guid> Written() =>
        spool.Read(spool.Start).Where(entry => entry.Kind is RecordKind.Begin or RecordKind.End).Select(entry => JsonSerializer.Deserialize(entry.Payload, SpoolJson.Default.RecordId)!.Id);
}
