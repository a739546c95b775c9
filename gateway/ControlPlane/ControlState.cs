using System.Collections.Frozen;
using Quota.Gateway.Keys;
using Quota.Gateway.Limits;
using Quota.Shared.ControlPlane;
using Quota.Shared.Pricing;

namespace Quota.Gateway.ControlPlane;

/// <summary>A control snapshot made ready for the request path: keys found by hash, limits compiled, prices as functions. Immutable.</summary>
internal sealed class ControlState
{
    private readonly FrozenDictionary<(string Provider, string Model), PriceFunction> _prices;

    /// <exception cref="FormatException">The snapshot refers to what it does not hold, or a price or limit has mistakes.</exception>
    public ControlState(ControlSnapshot snapshot, IReadOnlyDictionary<string, ILimitKind> kinds)
    {
        Version = snapshot.Version;
        ClockOffsetMs = snapshot.ClockOffsetMs;
        Orgs = snapshot.Orgs;
        var orgs = snapshot.Orgs.GroupBy(org => org.Id).ToDictionary(group => group.Key, group => group.First());
        SnapshotOrg OrgOf(string id, string what) => orgs.GetValueOrDefault(id) ?? throw new FormatException($"{what} names org {id}, which the snapshot does not hold");

        Limits = [.. snapshot.Limits.Select(limit => Compile(limit, OrgOf(limit.OrgId, $"limit {limit.Code}"), kinds))];
        var byNode = Limits.ToLookup(limit => limit.NodeId);
        Keys = new KeyTable(Convert.FromBase64String(snapshot.Pepper), snapshot.Keys.Select(key =>
        {
            var nodes = new[] { key.OrgId, key.TeamId, key.UserId, key.Id }.OfType<string>();
            return new CallerKey(key, OrgOf(key.OrgId, $"key {key.Id}"), new LimitPlan(key.OrgId, [.. nodes.SelectMany(node => Tightest(byNode[node]))]));
        }));
        if (snapshot.Prices.GroupBy(price => (price.Provider, price.Model)).FirstOrDefault(group => group.Count() > 1) is { } twice)
            throw new FormatException($"the price of {twice.Key.Provider}/{twice.Key.Model} stands twice");
        _prices = snapshot.Prices.ToFrozenDictionary(price => (price.Provider, price.Model), price => new PriceFunction(price));
    }

    public string Version { get; }

    public long? ClockOffsetMs { get; }

    public IReadOnlyList<SnapshotOrg> Orgs { get; }

    public IReadOnlyList<Limit> Limits { get; }

    public KeyTable Keys { get; }

    /// <summary>The price of a routed model; null when it is not known, which is never 0.</summary>
    public PriceFunction? PriceOf(string provider, string model) => _prices.GetValueOrDefault((provider, model));

    /// <summary>Two limits that count the same thing in the same window share a counter, which one request may touch once: the tighter one holds for both.</summary>
    private static IEnumerable<Limit> Tightest(IEnumerable<Limit> limits) =>
        limits.GroupBy(limit => limit.Identity).Select(same => same.OrderBy(limit => limit.MostAtOnce).ThenBy(limit => limit.Amount).First());

    private static Limit Compile(SnapshotLimit limit, SnapshotOrg org, IReadOnlyDictionary<string, ILimitKind> kinds)
    {
        if (limit.Terms.Mistakes().FirstOrDefault() is { Field: { } field, Problem: { } problem })
            throw new FormatException($"limit {limit.Code} {field}: {problem}");
        return new Limit(limit, org, kinds[limit.Terms.Meter]);
    }
}
