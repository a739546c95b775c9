using Quota.Gateway.Limits;
using Quota.Shared.ControlPlane;

namespace Quota.Gateway.ControlPlane;

/// <summary>
/// Turns the limits of a snapshot into the counters that each key's calls touch: limits on the key's nodes, defaults for each team, user
/// or key above them, and what overrides those defaults.
/// </summary>
internal sealed class LimitCompiler
{
    private readonly Dictionary<string, SnapshotOrg> _orgs;
    private readonly IReadOnlyDictionary<string, ILimitKind> _kinds;
    private readonly ILookup<string, SnapshotLimit> _direct, _each;
    private readonly Dictionary<(string NodeId, string Code), SnapshotLimit> _overrides;
    private readonly Dictionary<string, LimitCounter> _counters = [];

    /// <exception cref="FormatException">A limit has mistakes, or names an org that is not there.</exception>
    public LimitCompiler(ControlSnapshot snapshot, Dictionary<string, SnapshotOrg> orgs, IReadOnlyDictionary<string, ILimitKind> kinds)
    {
        (_orgs, _kinds) = (orgs, kinds);
        foreach (var limit in snapshot.Limits)
        {
            if (limit.Terms.Mistakes().FirstOrDefault() is { Field: { } field, Problem: { } problem })
                throw new FormatException($"limit {limit.Code} {field}: {problem}");
            if (!orgs.ContainsKey(limit.OrgId))
                throw new FormatException($"limit {limit.Code} names org {limit.OrgId}, which the snapshot does not hold");
        }
        _direct = snapshot.Limits.Where(limit => limit.Each is null).ToLookup(limit => limit.NodeId);
        _each = snapshot.Limits.Where(limit => limit.Each is not null).ToLookup(limit => limit.NodeId);
        _overrides = snapshot.Limits.Where(limit => limit.Overrides is not null).GroupBy(limit => (limit.NodeId, limit.Overrides!)).ToDictionary(group => group.Key, group => group.First());
    }

    /// <summary>Every counter made so far.</summary>
    public IEnumerable<LimitCounter> Counters => _counters.Values;

    /// <summary>The counters of a key's calls, from the org down to the key.</summary>
    public LimitPlan PlanOf(SnapshotKey key) => new(key.OrgId, [.. NodesOf(key).SelectMany(node => CountersOf(key.OrgId, node, key))]);

    /// <summary>The counters of limits on nodes that no key leads to: shown, though nothing counts on them.</summary>
    public void AddUnused()
    {
        foreach (var limits in _direct)
            Group(limits.First().OrgId, limits.Key, limits.First().Scope, limits);
    }

    /// <summary>The nodes that a key's calls belong to, from the org down to the key.</summary>
    public static IEnumerable<LimitNode> NodesOf(SnapshotKey key, string org)
    {
        var path = org;
        List<string> above = [];
        yield return new LimitNode("org", key.OrgId, path, [.. above]);
        above.Add(key.OrgId);
        if (key.TeamId is not null)
        {
            yield return new LimitNode("team", key.TeamId, path = $"{path}/{key.Team}", [.. above]);
            above.Add(key.TeamId);
        }
        if (key.UserId is not null)
        {
            yield return new LimitNode("user", key.UserId, path = $"{path}/{key.User}", [.. above]);
            above.Add(key.UserId);
        }
        yield return new LimitNode("key", key.Id, $"{path}/{key.Name ?? key.Id}", [.. above]);
    }

    private IEnumerable<LimitNode> NodesOf(SnapshotKey key) => NodesOf(key, _orgs[key.OrgId].Code);

    private LimitCounter[] CountersOf(string orgId, LimitNode node, SnapshotKey key)
    {
        var own = _direct[node.Id].Where(limit => limit.Below is null || node.Above.Contains(limit.Below));
        var defaults = node.Above.SelectMany(above => _each[above]).Where(limit => limit.Each == node.Kind && !_overrides.ContainsKey((node.Id, limit.Code)));
        return Group(orgId, node.Id, node.Path, own.Concat(defaults).Where(limit => LimitPlan.WhyNot(limit.Terms.Selector, key) is null));
    }

    /// <summary>One counter for the limits that count the same; made once, whoever asks.</summary>
    private LimitCounter[] Group(string orgId, string nodeId, string path, IEnumerable<SnapshotLimit> limits)
    {
        var zoneOfOrg = _orgs[orgId].Timezone;
        return [.. limits.GroupBy(limit => CounterName.Identity(nodeId, limit.Terms, limit.Terms.Window.Timezone ?? zoneOfOrg, limit.Overrides ?? limit.Code, limit.Below))
            .Select(same => CounterOf(orgId, nodeId, same.Key, [.. same.Select(limit => (limit, new Limit(limit.Code, limit.Each is null ? limit.Scope : path, limit.Terms)))], same.First().Terms.Window.Timezone ?? zoneOfOrg))];
    }

    private LimitCounter CounterOf(string orgId, string nodeId, string identity, IReadOnlyList<(SnapshotLimit Text, Limit Limit)> limits, string zoneId)
    {
        var name = string.Join('\n', [identity, .. limits.Select(limit => limit.Text.Code)]);
        if (_counters.TryGetValue(name, out var known))
            return known;
        if (!TimeZoneInfo.TryFindSystemTimeZoneById(zoneId, out var zone))
            throw new FormatException($"limit {limits[0].Text.Code}: this machine does not know the time zone '{zoneId}'");
        // Limits that share a counter: it has been counted on since the first of them was there.
        var since = limits.Any(limit => limit.Text.Since is null) ? null : limits.Min(limit => limit.Text.Since);
        return _counters[name] = new LimitCounter(orgId, nodeId, identity, zone, _kinds[limits[0].Text.Terms.Meter], [.. limits.Select(limit => limit.Limit)], since,
            limits.FirstOrDefault(limit => limit.Text.Since == since).Text?.Seeds);
    }
}

/// <summary>A place in an org's tree: org, team, user or key, and the ids of what it lies below.</summary>
internal sealed record LimitNode(string Kind, string Id, string Path, IReadOnlyList<string> Above);
