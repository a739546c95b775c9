using System.Collections.Frozen;
using Quota.Gateway.Keys;
using Quota.Gateway.Limits;
using Quota.Shared.ControlPlane;
using Quota.Shared.Pricing;

namespace Quota.Gateway.ControlPlane;

/// <summary>A control snapshot made ready for the request path: keys found by hash, limits compiled, prices as a book. Immutable.</summary>
internal sealed class ControlState
{
    private readonly PriceBook _prices;
    private readonly FrozenDictionary<string, SnapshotOrg> _orgs;
    private readonly FrozenDictionary<string, DateTimeOffset> _lost;

    /// <exception cref="FormatException">The snapshot refers to what it does not hold, or a price or limit has mistakes.</exception>
    public ControlState(ControlSnapshot snapshot, IReadOnlyDictionary<string, ILimitKind> kinds)
    {
        Snapshot = snapshot;
        var orgs = snapshot.Orgs.GroupBy(org => org.Id).ToDictionary(group => group.Key, group => group.First());
        _orgs = orgs.ToFrozenDictionary();
        _lost = snapshot.Lost.DistinctBy(lost => lost.Instance).ToFrozenDictionary(lost => lost.Instance, lost => lost.At);
        var limits = new LimitCompiler(snapshot, orgs, kinds);
        Callers = [.. snapshot.Keys.Select(key => orgs.TryGetValue(key.OrgId, out var org)
            ? new CallerKey(key, org, limits.PlanOf(key)) : throw new FormatException($"key {key.Id} names org {key.OrgId}, which the snapshot does not hold"))];
        limits.AddUnused();
        Counters = [.. limits.Counters];
        Keys = new KeyTable(Convert.FromBase64String(snapshot.Pepper), Callers);
        _prices = new PriceBook(snapshot.Prices, snapshot.UnknownPrice);
        if (snapshot.Orgs.FirstOrDefault(org => Markup.Mistake(org.Markup) is not null) is { } wrong)
            throw new FormatException($"org {wrong.Code} markup: {Markup.Mistake(wrong.Markup)}");
    }

    public ControlSnapshot Snapshot { get; }

    /// <summary>When a gateway was declared lost; null when it was not.</summary>
    public DateTimeOffset? LostAt(string instance) => _lost.TryGetValue(instance, out var at) ? at : null;

    public string Version => Snapshot.Version;

    public long? ClockOffsetMs => Snapshot.ClockOffsetMs;

    public IReadOnlyList<SnapshotOrg> Orgs => Snapshot.Orgs;

    /// <summary>Every counter that a limit stands on.</summary>
    public IReadOnlyList<LimitCounter> Counters { get; }

    public IReadOnlyList<CallerKey> Callers { get; }

    public KeyTable Keys { get; }

    public SnapshotOrg? OrgOf(string id) => _orgs.GetValueOrDefault(id);

    /// <summary>The price of a routed model at an instant; null when it is not known, which is never 0.</summary>
    public PriceFunction? PriceOf(string provider, string model, DateTimeOffset at) => _prices.Find(provider, model, at);
}
