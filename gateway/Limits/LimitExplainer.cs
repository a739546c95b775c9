using Quota.Gateway.ControlPlane;
using Quota.Gateway.Keys;
using Quota.Shared.ControlPlane;

namespace Quota.Gateway.Limits;

/// <summary>Says, limit by limit, what a call would meet, without counting anything.</summary>
internal sealed class LimitExplainer(QuotaStore store, LimitsOptions options)
{
    /// <summary>Every limit of the key's org: whether it applies to this call and why, and whether the call would fit.</summary>
    /// <exception cref="Exception">The store cannot be asked; see <see cref="QuotaStore"/>.</exception>
    public async Task<Explanation> RunAsync(ControlState state, CallerKey caller, string model, string provider, string endpoint, Demand demand)
    {
        var nodes = LimitCompiler.NodesOf(caller.Key, caller.Org.Code).ToArray();
        var counters = caller.Plan.For(model, provider, endpoint);
        var stored = await Task.WhenAll(counters.Select(store.ReadCounterAsync));
        var ask = new Ask(counters, demand, options);
        var output = Output(ask, stored);
        List<ExplainedLimit> limits = [];
        foreach (var limit in state.Snapshot.Limits.Where(limit => limit.OrgId == caller.Org.Id))
        {
            var (node, why) = Where(limit, nodes, state.Snapshot.Limits);
            why ??= LimitPlan.WhyNot(limit.Terms.Selector, caller.Key) ?? LimitPlan.WhyNot(limit.Terms.Selector, model, provider, endpoint);
            if (why is not null)
            {
                limits.Add(new ExplainedLimit(limit.Code, limit.Scope, limit.Terms, false, why, null, null));
                continue;
            }
            var index = Enumerable.Range(0, counters.Count).First(i => counters[i].NodeId == node!.Id && counters[i].Limits.Any(it => it.Code == limit.Code));
            var compiled = counters[index].Limits.First(it => it.Code == limit.Code);
            limits.Add(new ExplainedLimit(limit.Code, compiled.Scope, limit.Terms, true, Because(limit, node!), Standing(ask, index, compiled, stored[index], output), stored[index].Over));
        }
        var binding = limits.Where(limit => limit.Standing is { Limit.IsHard: true } standing && !Fits(standing)).Select(limit => limit.Standing!).ToArray();
        return new Explanation(binding.Length > 0 ? binding.Any(it => it.Requested is null || it.Requested > it.Limit.MostAtOnce) ? "never_fits" : "refused" : output < demand.Output ? "clamped" : "runs", output, limits);
    }

    public static bool Fits(LimitStanding standing) => standing.Requested is { } requested && standing.Used + standing.Held + requested <= standing.Limit.MostAtOnce;

    /// <summary>The node that a limit counts the key's calls on, or why there is none.</summary>
    private static (LimitNode? Node, string? WhyNot) Where(SnapshotLimit limit, LimitNode[] nodes, IReadOnlyList<SnapshotLimit> all)
    {
        if (limit.Each is null)
            return Array.Find(nodes, node => node.Id == limit.NodeId) is { } direct ? (direct, null) : (null, $"it limits {limit.Scope}, which the key does not belong to");
        if (Array.Find(nodes, node => node.Kind == limit.Each && node.Above.Contains(limit.NodeId)) is not { } each)
            return (null, $"it limits each {limit.Each} below {limit.Scope}, and the key belongs to none of them");
        return all.FirstOrDefault(other => other.Overrides == limit.Code && other.NodeId == each.Id) is { } other
            ? (null, $"'{other.Code}' overrides it for {each.Path}") : (each, null);
    }

    private static string Because(SnapshotLimit limit, LimitNode node) =>
        (limit.Each is null ? $"the key belongs to {node.Path}" : $"it limits each {limit.Each} below {limit.Scope}, here {node.Path}")
        + (limit.Terms.Selector is { IsEmpty: false } ? ", and its selector takes the call" : "");

    /// <summary>The output that each answer would get, as the script would decide it now.</summary>
    private static long Output(Ask ask, Store.StoredCounter[] stored)
    {
        var output = ask.Most;
        for (var i = 0; i < stored.Length && ask.Least < ask.Most; i++)
        {
            var counter = ask.Counters[i];
            if (counter is { MayClamp: true, Tightest: { } tightest } && ask.Held[i].PerOutputToken > 0)
                output = Math.Min(output, ask.Fitting(i, tightest.MostAtOnce - UsedOf(counter, stored[i]) - stored[i].Held) ?? output);
        }
        return Math.Max(output, ask.Least);
    }

    private LimitStanding Standing(Ask ask, int i, Limit limit, Store.StoredCounter stored, long output)
    {
        var (counter, used) = (ask.Counters[i], UsedOf(ask.Counters[i], stored));
        return new LimitStanding(limit, used, stored.Held, ask.Units(i, output), counter.EndAt(store.NowMs), ask.Fitting(i, Math.Max(0, limit.MostAtOnce - used - stored.Held)));
    }

    private static long UsedOf(LimitCounter counter, Store.StoredCounter stored) => counter.Window.IsNone ? 0 : stored.Used;
}

/// <param name="Decision"><c>runs</c>, <c>clamped</c>, <c>refused</c> or <c>never_fits</c>.</param>
/// <param name="Output">Output tokens that each answer would get.</param>
internal sealed record Explanation(string Decision, long Output, IReadOnlyList<ExplainedLimit> Limits);

/// <summary>One limit against one call; the standing is there when it applies.</summary>
internal sealed record ExplainedLimit(string Code, string Scope, LimitTerms Terms, bool Applies, string Why, LimitStanding? Standing, long? Over);
