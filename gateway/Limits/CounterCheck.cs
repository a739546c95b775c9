using Quota.Gateway.ControlPlane;
using Quota.Gateway.Limits.Store;

namespace Quota.Gateway.Limits;

/// <summary>
/// Compares an org's counters with what they must be: held with the open holds one by one, and, when no other gateway counts on them,
/// settled use with this gateway's own tally. A difference that is gone at a second look was a call on its way.
/// </summary>
internal sealed class CounterCheck(QuotaStore store, CounterTally tally, CurrentControl control, GatewayClock clock)
{
    private const int Looks = 3;
    private const int MostHolds = 100_000;

    /// <summary>What differs, and how many counters and holds were looked at.</summary>
    public async Task<CounterFindings> RunAsync(string orgId)
    {
        CounterFindings? before = null;
        for (var look = 1; ; look++)
        {
            var findings = await LookAsync(orgId);
            // What stays is wrong; what changes is a call on its way.
            before = findings with { Differences = [.. findings.Differences.Where(it => before is null || before.Differences.Any(old => (old.Counter, old.Field, old.Stored - old.Expected) == (it.Counter, it.Field, it.Stored - it.Expected)))] };
            if (before.Differences.Count == 0 || look == Looks)
                return before;
            await Task.Delay(TimeSpan.FromMilliseconds(200), clock);
        }
    }

    private async Task<CounterFindings> LookAsync(string orgId)
    {
        Dictionary<string, (long Held, long Charged)> holds = [];
        var open = await store.OpenHoldsAsync(orgId, MostHolds);
        foreach (var requestId in open)
        {
            if (await store.ReadHoldAsync(orgId, requestId) is not { State: "held" or "reaped" } hold)
                continue;
            for (var i = 0; i < hold.Counters.Count; i++)
            {
                var (held, charged) = holds.GetValueOrDefault(hold.Counters[i]);
                holds[hold.Counters[i]] = hold.State == "held" ? (held + hold.Quantities[i], charged) : (held, charged + hold.Quantities[i]);
            }
        }
        var settled = store.Epoch(orgId).IsAlone ? tally.Of(orgId).Counters.Where(pair => pair.Value.Kind[0] is 'c' or 'C').ToDictionary(pair => pair.Key, pair => pair.Value) : null;
        var known = (control.Now?.Counters ?? []).Where(counter => counter.OrgId == orgId).Select(counter => counter.WindowsAt(store.NowMs).Current);
        List<CounterDifference> differences = [];
        var ids = known.Concat(holds.Keys).Concat(settled?.Keys ?? Enumerable.Empty<string>()).Distinct().ToArray();
        foreach (var id in ids)
        {
            var stored = await store.ReadCounterAsync(orgId, id);
            var (held, charged) = holds.GetValueOrDefault(id);
            if (stored.Held != held)
                differences.Add(new CounterDifference(id, "held", stored.Held, held));
            if (settled is not null && settled.TryGetValue(id, out var entry) && entry.EndsAtMs is not { } ends | entry.EndsAtMs > store.NowMs && stored.Live != entry.Whole + charged)
                differences.Add(new CounterDifference(id, "settled", stored.Live, entry.Whole + charged));
        }
        return new CounterFindings(ids.Length, open.Count, settled is not null, differences);
    }
}

/// <summary>What a check found. <paramref name="IsAlone"/>: settled use could be checked, too.</summary>
internal sealed record CounterFindings(int Counters, int Holds, bool IsAlone, IReadOnlyList<CounterDifference> Differences);

/// <summary>A counter's field that is not what it must be.</summary>
internal sealed record CounterDifference(string Counter, string Field, long Stored, long Expected);
