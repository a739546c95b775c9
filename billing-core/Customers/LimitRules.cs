using Quota.Billing.Http;

namespace Quota.Billing.Customers;

/// <summary>
/// What a limit must keep to beside the others of its org: it stays on its node, and an override counts exactly what the default counts
/// that it replaces, so that both name the same counter.
/// </summary>
internal static class LimitRules
{
    /// <param name="others">Those of the org that may matter: of this code, of the code it overrides, and those that override either.</param>
    public static void Check(LimitChange change, IReadOnlyList<Limit> others, Input input)
    {
        var current = others.FirstOrDefault(limit => limit.Code == change.Code);
        if (current is not null && current.NodeId != change.Node.Id)
            input.Refuse("scope", "cannot be changed: a limit stays on its node; delete it and make a new one");
        var overriding = others.Where(limit => limit.Overrides == change.Code).Select(limit => limit.Code).ToList();
        if (overriding.Count > 0 && current is not null)
            CheckDefault(change, current, overriding, input);
        if (change.Overrides is { } code)
            CheckOverride(change, code, others, input);
    }

    /// <summary>A default that is overridden keeps what its overrides have in common with it.</summary>
    private static void CheckDefault(LimitChange change, Limit current, List<string> overriding, Input input)
    {
        var kept = $"must stay as it is while {string.Join(", ", overriding)} override this limit; delete those first";
        if (change.Node.Each != current.Each)
            input.Refuse("scope.each", kept);
        foreach (var field in Differences(change, current))
            input.Refuse(field, kept);
    }

    private static void CheckOverride(LimitChange change, string code, IReadOnlyList<Limit> others, Input input)
    {
        if (others.FirstOrDefault(limit => limit.Code == code) is not { } replaced)
        {
            input.Refuse("overrides", $"'{code}' is no limit of this customer");
            return;
        }
        if (replaced.Each is null || code == change.Code)
            input.Refuse("overrides", $"'{code}' is not for each team, user or key; change its own amount instead");
        else if (replaced.Each != change.Node.Kind)
            input.Refuse("overrides", $"'{code}' is for each {replaced.Each}, and this limit's scope is a {change.Node.Kind}");
        else if (!change.Node.Ancestors.Contains(replaced.NodeId))
            input.Refuse("overrides", $"'{code}' limits what is below {replaced.Scope}, and this limit's scope is not");
        if (others.FirstOrDefault(limit => limit.Overrides == code && limit.NodeId == change.Node.Id && limit.Code != change.Code) is { } other)
            input.Refuse("overrides", $"'{code}' is overridden for this {change.Node.Kind} by {other.Code} already; change that one");
        foreach (var field in Differences(change, replaced))
            input.Refuse(field, $"must be that of '{code}', which this limit overrides; amount, burst, mode, thresholds, hold and clamp may differ");
    }

    /// <summary>The fields in which they do not count the same.</summary>
    private static IEnumerable<string> Differences(LimitChange change, Limit limit)
    {
        var (one, other) = (change.Terms, limit.Terms);
        if (one.Meter != other.Meter)
            yield return "meter";
        if (one.Window.Kind != other.Window.Kind)
            yield return one.Window.IsNone ? "window" : "window.kind";
        if (one.Window.Every != other.Window.Every)
            yield return "window.every";
        if (one.Window.Timezone != other.Window.Timezone)
            yield return "window.timezone";
        if (one.Window.StartsOn != other.Window.StartsOn)
            yield return "window.starts_on";
        if (one.Selector?.Canonical() != other.Selector?.Canonical())
            yield return "selector";
    }
}
