using System.Globalization;
using System.Net;
using System.Text;
using Quota.TestKit;

namespace Quota.EndToEnd.Tests.Races;

/// <summary>What is raced, and how long.</summary>
/// <param name="Calls">About how many calls the budgets have room for.</param>
internal sealed record RacePlan(int Seed, int Gateways, int Clients, int Calls, IReadOnlyList<RaceFault> Faults)
{
    /// <summary>The share of calls that last longer than a hold does unless it is renewed.</summary>
    public double SlowCalls { get; init; } = 0.02;

    public TimeSpan HoldDeadline { get; init; } = TimeSpan.FromSeconds(2);

    /// <summary>Another gateway than the built one.</summary>
    public string? Assembly { get; init; }
}

/// <summary>
/// Runs a race to its end and judges it. Whatever befalls the servers meanwhile, the provider's log, the events, the counters and the
/// clients must tell one story, in which no limit was passed and nothing was left lying.
/// </summary>
internal static class Race
{
    /// <summary>Many clients at once, and faults, as the plan's seed decides.</summary>
    public static Task<RaceVerdict> RunAsync(RacePlan plan) =>
        RunAsync(plan.Seed, RaceOrg.For(plan.Calls, RaceLoad.MeanNanos, RaceLoad.MeanTokens), plan.Gateways, plan.HoldDeadline, plan.Assembly, async field =>
        {
            var load = new RaceLoad(field, plan);
            var chaos = new RaceChaos(field, load, plan);
            var running = load.RunAsync();
            try
            {
                await chaos.RunAsync();
                field.Note("all faults are over");
                load.Finish();
                await running.WaitAsync(TimeSpan.FromMinutes(2));
            }
            finally
            {
                load.Stop();
            }
        });

    /// <summary>A scene of its own, judged by the same checks.</summary>
    public static async Task<RaceVerdict> RunAsync(int seed, RaceOrg org, int gateways, TimeSpan holdDeadline, string? assembly, Func<RaceField, Task> scene)
    {
        await using var field = await RaceField.StartAsync(org, gateways, holdDeadline, assembly);
        List<RaceBreach> breaches = [];
        var watch = new RaceWatch(field, await field.Gateways[0].LimitsAsync(), breaches);
        using var stop = new CancellationTokenSource();
        var watching = watch.RunAsync(stop.Token);
        await scene(field);
        var lasted = field.Elapsed;

        foreach (var gateway in field.Gateways)
            await gateway.ReadyAsync();
        field.Note("the load has ended");
        await QuietAsync(field, watch, breaches);
        await new RaceProbe(field, () => QuietAsync(field, watch, breaches), breaches).RunAsync();
        var (status, differences) = await field.Gateways[0].PostAsync($"/admin/counters/verify?org={RaceOrg.Name}");
        if (status != HttpStatusCode.OK)
            breaches.Add(new RaceBreach(RaceCheck.VerifyAgrees, differences[..Math.Min(400, differences.Length)]));
        var standings = await field.Gateways[0].LimitsAsync();
        await stop.CancelAsync();
        await watching;
        await Task.WhenAll(field.Gateways.Select(gateway => gateway.Process.Process.StopAsync()));   // ships what it has written

        var ledger = RaceLedger.Read(field, breaches);
        new RaceChecks(field, ledger, standings, breaches).Run();
        return new RaceVerdict(breaches, RaceFigures.Of(seed, field, ledger, standings, watch, lasted), [.. field.Notes, .. field.Gateways.SelectMany(gateway => Said(gateway))]);
    }

    /// <summary>What a gateway wrote, each thing once.</summary>
    private static IEnumerable<string> Said(RaceGateway gateway) =>
        gateway.Process.Process.Output.Split('\n').Where(line => line.StartsWith("      ", StringComparison.Ordinal))
            .CountBy(line => line.Trim()[..Math.Min(120, line.Trim().Length)]).TakeLast(20).Select(it => $"gateway {gateway.Number} {it.Value}× {it.Key}");

    /// <summary>Until no call runs, everything that was begun is settled, and no hold is left, be it open or only charged provisionally.</summary>
    private static async Task QuietAsync(RaceField field, RaceWatch watch, List<RaceBreach> breaches)
    {
        var standing = "";
        try
        {
            await Eventually.TrueAsync("no call runs and everything is settled", async () =>
            {
                var (running, holds) = (field.Provider.Served.Running, await watch.OpenHoldsAsync());
                var open = await Task.WhenAll(field.Gateways.Select(gateway => gateway.OpenCallsAsync()));
                standing = $"{running} calls run, {holds} holds are there, {string.Join(" + ", open)} calls are not settled";
                return running == 0 && holds == 0 && open.All(calls => calls == 0);
            }, TimeSpan.FromSeconds(20));
        }
        catch (TimeoutException)
        {
            lock (breaches)
                breaches.Add(new RaceBreach(RaceCheck.EveryCallEnds, standing));
        }
    }
}

/// <summary>What was found.</summary>
internal sealed record RaceVerdict(IReadOnlyList<RaceBreach> Breaches, RaceFigures Figures, IReadOnlyCollection<string> Notes)
{
    /// <summary>Fails with every breach, the figures and the seed.</summary>
    public void ShouldBeClean()
    {
        if (Breaches.Count > 0)
            Assert.Fail($"{Breaches.Count} breaches with seed {Figures.Seed}:\n{string.Join('\n', Breaches.Take(40).Select(breach => $"  {breach.Check}: {breach.What}"))}\n{Figures}{string.Join('\n', Notes)}");
    }

    /// <summary>Fails unless these checks, and perhaps others, found something.</summary>
    public void ShouldBreak(params RaceCheck[] checks)
    {
        var found = Breaches.Select(breach => breach.Check).Distinct().ToArray();
        var missing = checks.Except(found).ToArray();
        if (missing.Length > 0)
            Assert.Fail($"not caught by {string.Join(", ", missing)}; caught by {(found.Length == 0 ? "nothing" : string.Join(", ", found))}\n{Figures}{string.Join('\n', Notes)}");
    }
}

/// <summary>A run in numbers.</summary>
internal sealed record RaceFigures(int Seed, IReadOnlyList<(string Name, string Value)> Rows)
{
    public static RaceFigures Of(int seed, RaceField field, RaceLedger ledger, IReadOnlyList<RaceStanding> standings, RaceWatch watch, TimeSpan lasted)
    {
        static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
        int Clients(RaceOutcome outcome) => field.Calls.Count(call => call.Outcome == outcome);
        var overspend = field.Org.Limits.Where(limit => limit.IsBudget).Max(limit => (decimal?)ledger.Entries.Where(entry => entry.Key.Nodes.Contains(limit.Node))
            .Sum(entry => entry.Estimated ? entry.Units(limit.Meter) : entry.Billed(limit.Meter)) - limit.Amount) ?? 0;
        var refusals = field.Calls.Where(call => call.Refusal is not null).GroupBy(call => call.Refusal!.Limit).Select(group => (Code: group.Key, Count: group.Count())).ToArray();
        var levels = refusals.GroupBy(it => field.Org.Limits.Single(limit => limit.Code == it.Code) is var limit ? $"{new[] { "org", "team", "user", "key" }[limit.Node.Count(c => c == '/')]} {limit.Meter}" : "")
            .OrderBy(group => group.Key, StringComparer.Ordinal).Select(group => $"{group.Key} {group.Sum(it => it.Count)}");
        return new RaceFigures(seed,
        [
            ("seed", Text($"{seed}")),
            ("lasted", Text($"{lasted.TotalSeconds:0.0} s")),
            ("requests", Text($"{field.Calls.Count}")),
            ("served", Text($"{Clients(RaceOutcome.Served)}; failed {Clients(RaceOutcome.Failed)}, broken {Clients(RaceOutcome.Broken)}, aborted {Clients(RaceOutcome.Aborted)}")),
            ("refused by limit", Text($"{Clients(RaceOutcome.Refused)} ({string.Join(", ", levels)})")),
            ("refused 503 / unreachable", Text($"{Clients(RaceOutcome.Unavailable)} / {Clients(RaceOutcome.Unreachable)}")),
            .. field.Calls.Where(call => call.Reason is not null).CountBy(call => call.Reason!).OrderByDescending(it => it.Value).Take(5).Select(it => ($"  503 {it.Value}×", it.Key)),
            ("events", Text($"{ledger.Entries.Count}; abandoned {ledger.Entries.Count(entry => entry.IsAbandoned)}, estimated {ledger.Entries.Count(entry => entry.Estimated)}")),
            ("faults", field.Faults.Count == 0 ? "none" : string.Join(", ", field.Faults.Order().CountBy(fault => fault).Select(it => $"{it.Key} {it.Value}"))),
            ("holds reaped", Text($"{field.Facts.All.Count(fact => fact.Kind == "reaped")}, the latest {watch.LongestOverdue.TotalSeconds:0.00} s past its deadline")),
            ("most at once", Text($"{RaceChecks.MostAtOnce(ledger.Entries)} by the provider's log, {watch.MostOpen} holds; {watch.Looks} looks")),
            ("billed beyond estimates", Text($"{ledger.Entries.Where(entry => entry.Estimated).Sum(entry => Math.Max(0, entry.Billed(RaceOrg.Spend) - entry.Units(RaceOrg.Spend))):0} nano-units, all within their holds")),
            ("overspend", Text($"{Math.Max(0, overspend):0}")),
            ("over", Text($"{standings.Sum(standing => standing.Over):0}")),
            ("held at the end", Text($"{standings.Sum(standing => standing.Held):0}")),
        ]);
    }

    public override string ToString()
    {
        var text = new StringBuilder();
        foreach (var (name, value) in Rows)
            text.Append("  ").Append(name.PadRight(26)).AppendLine(value);
        return text.ToString();
    }
}
