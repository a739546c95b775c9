namespace Quota.Gateway.Limits;

/// <summary>Which limits a key's requests touch, from the org down to the key. Made once per snapshot.</summary>
internal sealed class LimitPlan(string orgId, IReadOnlyList<Limit> limits)
{
    public string OrgId => orgId;

    public IReadOnlyList<Limit> Limits => limits;

    public bool HasMoney { get; } = limits.Any(limit => limit.Terms.IsMoney);
}
