using Quota.Gateway.Limits.Store;
using Quota.Shared.Amounts;

namespace Quota.Gateway.Limits;

/// <summary>
/// Fills a new epoch from what this gateway knows: settled use as its spool has it, the holds of its running calls, rates full. All of it
/// when it is the only gateway that counts for the org, its part where several do (<see cref="OrgGathering"/>).
/// </summary>
internal sealed class CounterRebuild(CounterTally tally, GatewayClock clock)
{
    /// <summary>Rebuilds an org's counters; they are closed meanwhile.</summary>
    /// <exception cref="StoreClosedException">Calls of an earlier run are still being recovered.</exception>
    public Task RunAsync(OrgEpoch epoch)
    {
        MustBeWhole();
        return epoch.RebuildAsync(() => Content(epoch.OrgId));
    }

    /// <summary>What this gateway has counted and holds, to be asked once nothing of the org is begun any more.</summary>
    /// <exception cref="StoreClosedException">Calls of an earlier run are still being recovered.</exception>
    public IReadOnlyList<StoreOp> Content(string orgId)
    {
        MustBeWhole();
        var now = clock.GetUtcNow().ToUnixTimeMilliseconds();
        var (counters, open) = tally.Of(orgId);
        List<StoreOp> ops = [];
        foreach (var (id, entry) in counters)
        {
            if (entry.Kind[0] is 'r' or 'R')
            {
                if (entry.EndsAtMs > now)
                    ops.Add(new FullOp(id, RateSpeed.Parse(entry.Kind).Burst, entry.EndsAtMs.Value - now));
            }
            else if (entry.Kind[0] is 'c' or 'C')
                ops.Add(new CounterOp(id, new ExactNanos(entry.Whole, entry.Fraction), entry.EndsAtMs));
        }
        ops.AddRange(open.Select(hold => new HoldOp(hold, [.. hold.Counters.Select(counter => Quantity(hold, counter))])));
        return ops;
    }

    private void MustBeWhole()
    {
        if (!tally.IsWhole)
            throw new StoreClosedException("the counters are rebuilt once the calls of an earlier run are recovered");
    }

    private static long Quantity(Hold hold, HeldCounter counter) =>
        counter.Grows ? Math.Max(counter.Quantity, (long)counter.Worst.At(hold.CoveredTokens)) : counter.Quantity;
}
