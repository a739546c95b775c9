using Quota.Shared.ControlPlane;

namespace Quota.Billing.Customers;

/// <summary>
/// From when on every matching call is counted on a limit's counters. It moves to now when the limit is made, enabled again, or counts
/// something else; amount, burst, mode, thresholds, hold and clamp leave it. An override counts on its default's counters, and so
/// from when that one did.
/// </summary>
internal static class CountedSince
{
    /// <summary>
    /// How long a change takes to every gateway: twice the promise and a little more. Calls until then may not be counted yet, so the
    /// windows that begin meanwhile get a seed too.
    /// </summary>
    private static readonly TimeSpan Spread = TimeSpan.FromSeconds(5);

    public static DateTimeOffset From(DateTimeOffset now) => now + Spread;

    public static DateTimeOffset? Of(LimitChange change, IReadOnlyList<Limit> others, DateTimeOffset now)
    {
        var current = others.FirstOrDefault(limit => limit.Code == change.Code);
        if (current is { Enabled: true } && current.Each == change.Node.Each && current.IdentityOf(change.Node.Id) == Identity(change, others))
            return current.CountedSince;
        // A default that is off counts nothing for anybody, so there is nothing to inherit.
        return others.FirstOrDefault(limit => limit.Code == change.Overrides) is { Enabled: true } replaced ? replaced.CountedSince : From(now);
    }

    private static string Identity(LimitChange change, IReadOnlyList<Limit> others)
    {
        var replaced = others.FirstOrDefault(limit => limit.Code == change.Overrides);
        var below = replaced is not null ? replaced.Below : change.Node is { Each: not null, Kind: not NodeKinds.Org } ? change.Node.Id : null;
        return CounterName.Identity(
            change.Node.Id.ToString("N"), change.Terms, change.Terms.Window.Timezone ?? change.Node.Customer.Timezone, change.Overrides ?? change.Code, below?.ToString("N"));
    }
}
