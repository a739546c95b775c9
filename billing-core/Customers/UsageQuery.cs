using Dapper;
using Npgsql;
using Quota.Billing.Ingest;
using Quota.Shared.ControlPlane;

namespace Quota.Billing.Customers;

/// <summary>What one node used in a window, in the counter's units. <paramref name="Scope"/> is for people: <c>acme/ada</c>.</summary>
internal sealed record NodeUsage(Guid NodeId, string Scope, long Used);

/// <summary>
/// Sums what the nodes of a limit used, over the gateway events of one window. One query for all who ask: seeds of young counters, the
/// answer of a change, live usage. It reads every event that the org had in the window, through an index on (org, time).
/// </summary>
internal static class UsageQuery
{
    /// <summary>Later than any event; a lifetime has no end.</summary>
    private static readonly DateTimeOffset Never = new(9999, 12, 1, 0, 0, 0, TimeSpan.Zero);

    /// <summary>
    /// The current window of a calendar limit or a lifetime; null for rates and concurrency, which have no bounds, and when this machine
    /// does not know the zone any more: one such limit must not keep the snapshot from everybody.
    /// </summary>
    public static (long Start, long End)? WindowOf(Limit limit, DateTimeOffset now)
    {
        var window = limit.Terms.Window;
        return window.IsRate || window.IsNone || !TimeZoneInfo.TryFindSystemTimeZoneById(limit.ZoneId, out var zone)
            ? null : WindowCalendar.Of(window, zone, now.ToUnixTimeMilliseconds());
    }

    /// <param name="connection">Open; the sums are of what its transaction sees.</param>
    /// <param name="patience">Seconds that the database may take.</param>
    /// <param name="lost">Gateways whose events are on no counter any more, whatever they list.</param>
    /// <returns>
    /// Largest first. For people nodes with use; for seeds every node that an event names, at 0 and below too: what fell there must reach
    /// the counter, which has the sum from before.
    /// </returns>
    public static async Task<IReadOnlyList<NodeUsage>> ReadAsync(
        NpgsqlConnection connection, Limit limit, (long Start, long End) window, UsageOf of, int? patience = null, string[]? lost = null, CancellationToken cancel = default)
    {
        var nodes = (await NodesAsync(connection, limit, withOverridden: of != UsageOf.All, cancel)).AsList();
        var (terms, selector) = (limit.Terms, limit.Terms.Selector);
        var from = DateTimeOffset.FromUnixTimeMilliseconds(window.Start);
        var to = window.End == long.MaxValue ? Never : DateTimeOffset.FromUnixTimeMilliseconds(window.End);
        var used = await connection.QueryAsync<(Guid Id, long Used)>(new CommandDefinition($"""
            select n.id, {UsageSql.Measure(terms)} as used
            from (select v.id, v.at, v.customer_id, coalesce(v.counted, array[]::uuid[]) as counted, v.properties::jsonb as properties from events v
                where v.source = 'gateway' and v.customer_id = @CustomerId and v.at >= @from and v.at < @to offset 0) e
            join unnest(@ids, @names, @counters) as n (id, name, counter) on n.name = {UsageSql.NameOf(limit.Each ?? limit.NodeKind)}
            where {UsageSql.NameOf(limit.NodeKind)} = @parent and not (@uncountedOnly and n.counter = any(e.counted) and coalesce(e.properties ->> 'instance', '') <> all(@lost))
                and {UsageSql.Selected}{(of == UsageOf.Corrections ? $" and {UsageSql.IsCorrection}" : "")}
            group by n.id
            """, new
        {
            limit.CustomerId,
            from,
            to,
            parent = NameOf(limit),
            ids = nodes.ConvertAll(node => node.Id).ToArray(),
            names = nodes.ConvertAll(node => node.Name).ToArray(),
            counters = nodes.ConvertAll(node => of != UsageOf.All ? Guid.ParseExact(CounterName.Of(limit.IdentityOf(node.Id), window.Start), "N") : Guid.Empty).ToArray(),
            uncountedOnly = of != UsageOf.All,
            lost = lost ?? [],
            currency = terms.IsMoney ? terms.Currency : null,
            models = UsageSql.Likes(selector?.Models),
            providers = UsageSql.List(selector?.Providers),
            endpoints = UsageSql.List(selector?.Endpoints),
            environments = UsageSql.List(selector?.Environments),
            tags = UsageSql.Object(selector?.Tags),
        }, commandTimeout: patience, cancellationToken: cancel));
        var scopes = nodes.ToDictionary(node => node.Id, node => node.Scope);
        return [.. used.Where(node => of != UsageOf.All || node.Used > 0).Select(node => new NodeUsage(node.Id, scopes[node.Id], node.Used))
            .OrderByDescending(node => node.Used).ThenBy(node => node.Scope, StringComparer.Ordinal)];
    }

    /// <summary>
    /// Deleted ones too: their usage is there when they come back. People are not shown those that have an override, since this limit is
    /// not theirs; the counter is the same, so its seed is.
    /// </summary>
    private static async Task<IEnumerable<NodeRow>> NodesAsync(NpgsqlConnection connection, Limit limit, bool withOverridden, CancellationToken cancel)
    {
        var (table, name, label) = limit.Each switch
        {
            NodeKinds.Team => ("teams", "external_id", "external_id"),
            NodeKinds.User => ("users", "external_id", "external_id"),
            NodeKinds.Key => ("api_keys", "replace(id::text, '-', '')", "coalesce(nullif(name, ''), prefix)"),
            _ => default,
        };
        if (table is null)
            return [new NodeRow(limit.NodeId, NameOf(limit), limit.Scope)];
        return await connection.QueryAsync<NodeRow>(new CommandDefinition($"""
            select distinct on ({name}) id, {name} as name, @Scope || '/' || {label} as scope from {table} node
            where customer_id = @CustomerId and (@withOverridden
                or not exists (select from limits o where o.customer_id = @CustomerId and o.overrides = @Code and o.node_id = node.id and o.enabled))
            order by {name}, {(limit.Each == NodeKinds.Key ? "" : "deleted_at desc nulls first, ")}id
            """, new { limit.CustomerId, limit.Code, limit.Scope, withOverridden }, cancellationToken: cancel));
    }

    /// <summary>How events name the limit's node; the org is named by the column that everything is read by.</summary>
    private static string NameOf(Limit limit) => limit.NodeKind switch
    {
        NodeKinds.Team => limit.ExternalTeamId!,
        NodeKinds.User => limit.ExternalUserId!,
        NodeKinds.Key => limit.NodeId.ToString("N"),
        _ => "",
    };

    private sealed record NodeRow(Guid Id, string Name, string Scope);
}
