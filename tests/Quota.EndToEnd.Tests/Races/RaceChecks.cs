using Quota.TestKit;

namespace Quota.EndToEnd.Tests.Races;

/// <summary>What must be true of a race when all of it is over.</summary>
internal sealed class RaceChecks(RaceField field, RaceLedger ledger, IReadOnlyList<RaceStanding> standings, List<RaceBreach> breaches)
{
    public void Run()
    {
        foreach (var entry in ledger.Entries)
            CheckMetering(entry);
        CheckClients();
        var standingOf = standings.ToDictionary(standing => standing.Code);
        foreach (var limit in field.Org.Limits)
        {
            var own = ledger.Entries.Where(entry => entry.Key.Nodes.Contains(limit.Node)).ToArray();
            if (limit.IsBudget)
                CheckBudget(limit, standingOf[limit.Code], own);
            else if (limit.IsRate)
                CheckRate(limit, own);
            else
                CheckConcurrency(limit, own);
            if (standingOf[limit.Code] is { Held: not 0 } held)
                Breach(RaceCheck.NothingHeldAtEnd, $"{limit.Code}: {held.Held} held, and no call runs");
            if (standingOf[limit.Code] is { Over: not 0 } over)
                Breach(RaceCheck.NothingOver, $"{limit.Code}: {over.Over} over");
        }
        foreach (var fact in field.Facts.All.Where(fact => fact.Kind == "over"))
            Breach(RaceCheck.NothingOver, $"{fact.RequestId} used more than was held for it");
    }

    private void Breach(RaceCheck check, string what) => breaches.Add(new RaceBreach(check, what));

    private void CheckMetering(RaceEntry it)
    {
        var isWhole = it.Provider is { Ending: ProviderEnding.Completed };
        if (it.Status == "completed" && !isWhole)
            Breach(RaceCheck.MeteredAsServed, $"{it.Id} is completed, the provider says {it.Provider?.Ending.ToString() ?? "nothing"}");
        if (it.Status == "failed" && isWhole)
            Breach(RaceCheck.MeteredAsServed, $"{it.Id} failed, and the provider served and billed it");
        if (!it.Estimated && isWhole && (it.Input, it.Output) != (it.Provider!.InputTokens, it.Provider.OutputTokens))
            Breach(RaceCheck.MeteredAsServed, $"{it.Id} says {it.Input} + {it.Output} tokens, the provider {it.Provider.InputTokens} + {it.Provider.OutputTokens}");
        // What the gateway could not see it estimates; neither that nor what was served may be more than was held.
        if (Math.Max(it.Units(RaceOrg.Spend), it.Served(RaceOrg.Spend)) > it.HeldNanos && field.Org.Limits.Any(limit => limit.IsMoney))
            Breach(RaceCheck.ServedWithinHold, $"{it.Id} ({it.Status}): {it.Served(RaceOrg.Spend)} served, {it.Units(RaceOrg.Spend)} metered, {it.HeldNanos} held");
    }

    /// <summary>The end is written down before the last byte leaves: no kill makes an estimate of an answer that its client has read.</summary>
    private void CheckClients()
    {
        var byId = ledger.Entries.ToDictionary(entry => entry.Id);
        foreach (var call in field.Calls)
        {
            if (call.Outcome == RaceOutcome.Served && (call.RequestId is null || byId.GetValueOrDefault(call.RequestId) is not { Status: "completed" or "cut_off" }))
                Breach(RaceCheck.OneEventPerCall, $"{call.RequestId} was read to its end, its event says {(call.RequestId is { } id ? byId.GetValueOrDefault(id)?.Status : null) ?? "nothing"}");
            if (call.Outcome == RaceOutcome.Stuck)
                Breach(RaceCheck.EveryCallEnds, $"{call.RequestId ?? "a call"} of {call.Key.Name} did not end");
            if (call.Refusal is { IsTrue: false } refusal)
                Breach(RaceCheck.RefusedOnlyWhenFull, $"{refusal.Limit} refused {refusal.Requested} at used {refusal.Used} + held {refusal.Held} of {refusal.Amount}");
        }
    }

    private void CheckBudget(RaceLimit limit, RaceStanding standing, RaceEntry[] own)
    {
        var billed = own.Sum(entry => entry.Estimated ? entry.Units(limit.Meter) : entry.Billed(limit.Meter));
        if (billed > limit.Amount)
            Breach(RaceCheck.NoOverspend, $"{limit.Code}: {billed} billed of {limit.Amount}");
        var sum = decimal.Floor(own.Sum(entry => entry.Units(limit.Meter)));
        if (standing.Used != sum)
            Breach(RaceCheck.UsedIsTheSum, $"{limit.Code}: used {standing.Used}, its {own.Length} events make {sum}");
        if (standing.Used > limit.Amount)
            Breach(RaceCheck.NeverPassed, $"{limit.Code}: used {standing.Used} of {limit.Amount}");
    }

    /// <summary>Each call counts once, when it was settled or charged, which its end stands for (protocols A5).</summary>
    private void CheckRate(RaceLimit limit, RaceEntry[] own)
    {
        var slack = 0.01m * limit.DrainedPerSecond;   // two clocks' rounding
        (decimal Level, RaceEntry? Entry) lowest = (decimal.MaxValue, null);
        var count = 0;
        var ends = own.Select(entry => (At: entry.ReapedAt ?? entry.EndedAt, Entry: entry)).OrderBy(it => it.At).ToArray();
        foreach (var (at, entry) in ends)
        {
            // Of the calls i..j: j - i + 1 <= burst + r (t_j - t_i), for the i that is worst for j.
            var drained = limit.DrainedPerSecond * (decimal)(at - ends[0].At).TotalSeconds;
            if (count - drained < lowest.Level)
                lowest = (count - drained, entry);
            count++;
            if (count - drained - lowest.Level > limit.Most + slack)
            {
                Breach(RaceCheck.WithinRate, $"{limit.Code}: from {lowest.Entry!.Id} to {entry.Id} {count - drained - lowest.Level - limit.Most:0.00} calls more than a burst of {limit.Most} and {limit.DrainedPerSecond}/s allow");
                return;
            }
        }
    }

    /// <summary>
    /// As the provider saw it. It learns late that a caller has gone, so such a call ends when its gateway says; a hold that was reaped
    /// because its gateway stood still holds no place any more.
    /// </summary>
    private void CheckConcurrency(RaceLimit limit, RaceEntry[] own)
    {
        if (MostAtOnce(own) is var most && most > limit.Most)
            Breach(RaceCheck.WithinConcurrency, $"{limit.Code}: {most} ran at once");
    }

    public static int MostAtOnce(IEnumerable<RaceEntry> entries)
    {
        List<(DateTimeOffset At, int Step)> steps = [];
        foreach (var entry in entries)
        {
            if (entry.Span is not { } span)
                continue;
            var end = span.Ended ?? DateTimeOffset.MaxValue;
            if (entry.Provider is { Ending: not ProviderEnding.Completed } && !entry.IsAbandoned && entry.EndedAt < end)
                end = entry.EndedAt;
            if (entry.ReapedAt < end)
                end = entry.ReapedAt.Value;
            if (end > span.Began)
                steps.AddRange([(span.Began, 1), (end, -1)]);
        }
        var (running, most) = (0, 0);
        foreach (var (_, step) in steps.OrderBy(it => it.At).ThenBy(it => it.Step))
            most = Math.Max(most, running += step);
        return most;
    }
}
