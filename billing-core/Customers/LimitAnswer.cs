using System.Text.Json.Serialization;
using Quota.Shared.Amounts;
using Quota.Shared.ControlPlane;

namespace Quota.Billing.Customers;

/// <summary>A limit as the API shows it: scope, window and selector as they were sent, with what is used of it now.</summary>
internal sealed record LimitAnswer(
    Guid Id, string Code, LimitScope Scope, string Meter, decimal Amount, string? Currency, LimitWindowAnswer? Window, string Mode,
    LimitSelector? Selector, IReadOnlyList<decimal> Thresholds, string Hold, bool Clamp, string? Overrides, bool Enabled,
    DateTimeOffset CreatedAt, DateTimeOffset UpdatedAt)
{
    /// <summary>More nodes than this are not listed.</summary>
    private const int MostNodes = 100;

    /// <summary>
    /// Used in the current window, by the events that arrived: money in major units. Null for rates, concurrency and <c>each</c>, and
    /// when unknown.
    /// </summary>
    public decimal? Used { get; private init; }

    /// <summary>For <c>each</c>: what its nodes used, largest first; null else.</summary>
    public IReadOnlyList<UsedOfNode>? Nodes { get; private init; }

    /// <summary>In the answer of a change only: which nodes have used more than the amount already, largest first. Absent when unknown.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyList<NodeAbove>? Above { get; private init; }

    /// <param name="used">By node, largest first; null where use is not known.</param>
    public static LimitAnswer Of(Limit limit, IReadOnlyList<NodeUsage>? used)
    {
        var terms = limit.Terms;
        var window = terms.Window;
        return new LimitAnswer(
            limit.Id, limit.Code,
            new LimitScope(
                limit.ExternalCustomerId, limit.ExternalTeamId, limit.ExternalUserId, limit.NodeKind == NodeKinds.Key ? limit.NodeId : null, limit.Each),
            limit.Meter, limit.Amount, limit.Currency,
            window.IsNone ? null : new LimitWindowAnswer(window.Kind, window.Every, window.Burst, window.Timezone, window.StartsOn),
            limit.Mode, terms.Selector, limit.Thresholds, limit.Hold, limit.Clamp, limit.Overrides, limit.Enabled, limit.CreatedAt, limit.UpdatedAt)
        {
            Used = limit.Each is null && used is not null ? InUnits(terms, used.Sum(node => node.Used)) : null,
            Nodes = limit.Each is null || used is null
                ? null : [.. used.Take(MostNodes).Select(node => new UsedOfNode(node.Scope, InUnits(terms, node.Used)))],
        };
    }

    /// <summary>The same with what is above the line that was drawn; nothing can be above a rate or concurrency.</summary>
    public static LimitAnswer OfChange(Limit limit, IReadOnlyList<NodeUsage>? used)
    {
        if (used is null && (limit.Terms.Window.IsCalendar || limit.Terms.Window.Kind == LimitWindow.Lifetime))
            return Of(limit, used);
        var above = (used ?? []).Select(node => new NodeAbove(node.NodeId.ToString("N"), node.Scope, InUnits(limit.Terms, node.Used), limit.Amount))
            .Where(node => node.Used > node.Amount);
        return Of(limit, used) with { Above = [.. above.Take(MostNodes)] };
    }

    private static decimal InUnits(LimitTerms terms, long used) =>
        terms.IsMoney ? NanoUnits.ToDecimal(used, Shared.Amounts.Currency.Parse(terms.Currency!)) : used;
}

/// <summary>Which node is limited, or below which each child is.</summary>
internal sealed record LimitScope(string ExternalCustomerId, string? ExternalTeamId, string? ExternalUserId, Guid? ApiKeyId, string? Each);

/// <summary>The stretch of time a limit counts in.</summary>
internal sealed record LimitWindowAnswer(string Kind, string? Every, decimal? Burst, string? Timezone, string? StartsOn);

/// <summary>What one node of an <c>each</c> limit used.</summary>
internal sealed record UsedOfNode(string Scope, decimal Used);

/// <summary>A node that used more than the amount. <paramref name="Node"/> is its internal id, as in facts.</summary>
internal sealed record NodeAbove(string Node, string Scope, decimal Used, decimal Amount);
