using System.Data;
using System.Text.Json;
using Dapper;
using Npgsql;
using Quota.Shared.ControlPlane;

namespace Quota.Billing.Customers;

/// <summary>Reads what gateways need to decide: one consistent picture, in one transaction. Left out: all that does not work now.</summary>
internal sealed class SnapshotStore(NpgsqlDataSource database, SeedCache seedCache)
{
    public async Task<ControlSnapshot> ReadAsync(string pepper, long? clockOffsetMs, DateTimeOffset now, CancellationToken cancel)
    {
        await using var connection = await database.OpenConnectionAsync(cancel);
        await using var transaction = await connection.BeginTransactionAsync(IsolationLevel.RepeatableRead, cancel);
        var orgs = (await connection.QueryAsync<OrgRow>(
            """
            select c.id, c.external_id, c.timezone, c.currency, c.markup, case when e.state = 'gathering' then e.epoch end as gathering,
                case when cardinality(e.lost) > 0 then e.since end as gathered_without
            from customers c left join epochs e on e.customer_id = c.id where c.deleted_at is null order by c.id
            """)).AsList();
        var without = orgs.Where(org => org.GatheredWithout is not null).ToDictionary(org => org.Id, org => org.GatheredWithout!.Value);
        var limits = (await connection.QueryAsync<Limit>(Limits, new { now })).Select(limit => CountedBy(limit, without)).ToList();
        var seeds = await seedCache.ReadAsync(connection, limits, now);
        return new ControlSnapshot
        {
            Version = "",
            ClockOffsetMs = clockOffsetMs,
            Pepper = pepper,
            Orgs = [.. orgs.Select(org => new SnapshotOrg(Text(org.Id), org.ExternalId, org.Timezone, org.Currency, org.Markup, org.Gathering))],
            Keys = [.. (await connection.QueryAsync<KeyRow>(Keys, new { now })).Select(ToKey)],
            Limits = [.. limits.Select(limit => ToLimit(limit, seeds[limit.Id]))],
            Lost = (await connection.QueryAsync<LostGateway>("select instance, lost_at as at from gateways where lost_at is not null order by instance")).AsList(),
            Prices = await PriceStore.ForGatewaysAsync(connection, now),
        };
    }

    /// <summary>A key dies with its customer, team or user.</summary>
    private const string LiveKeys = """
        from api_keys k
        join customers c on c.id = k.customer_id and c.deleted_at is null
        left join users u on u.id = k.user_id and u.deleted_at is null
        left join teams t on t.id = coalesce(k.team_id, u.team_id) and t.deleted_at is null
        where k.revoked_at is null and (k.expires_at is null or k.expires_at > @now)
            and (k.user_id is null or u.id is not null) and (k.team_id is null or t.id is not null)
        """;

    private const string Keys = $"""
        select k.id, coalesce(nullif(k.name, ''), k.prefix) as name, encode(k.hash, 'hex') as hash, k.customer_id,
            t.id as team_id, t.external_id as team, u.id as user_id, u.external_id as "user", k.subscription_external_id as subscription, k.environment, k.allowed_models, k.expires_at, k.metadata
        {LiveKeys} order by k.id
        """;

    /// <summary>Those of live nodes. An override stays with its node when the node leaves what its default covers.</summary>
    private const string Limits = $"""
        {LimitStore.Select}
        where l.enabled and (l.node_kind = 'org' or t.id is not null and t.deleted_at is null or u.id is not null and u.deleted_at is null
            or k.id in (select k.id {LiveKeys}))
        order by l.customer_id, l.code
        """;

    private static SnapshotKey ToKey(KeyRow row) => new()
    {
        Id = Text(row.Id),
        Name = row.Name,
        Hash = row.Hash,
        OrgId = Text(row.CustomerId),
        TeamId = row.TeamId is { } team ? Text(team) : null,
        Team = row.Team,
        UserId = row.UserId is { } user ? Text(user) : null,
        User = row.User,
        Subscription = row.Subscription,
        Environment = row.Environment,
        AllowedModels = row.AllowedModels,
        ExpiresAt = row.ExpiresAt,
        Tags = Tags(row.Metadata),
    };

    /// <summary>Metadata is text since limits can select by it; older entries of other kinds are left out.</summary>
    private static Dictionary<string, string> Tags(JsonElement metadata) =>
        metadata.EnumerateObject().Where(entry => entry.Value.ValueKind == JsonValueKind.String).ToDictionary(entry => entry.Name, entry => entry.Value.GetString()!);

    /// <summary>Counters that were gathered without a gateway that was lost began then: all that it had counted before is a seed.</summary>
    private static Limit CountedBy(Limit limit, Dictionary<Guid, DateTimeOffset> without) =>
        without.TryGetValue(limit.CustomerId, out var gathered) && !(limit.CountedSince >= gathered) ? limit with { CountedSince = gathered } : limit;

    private static SnapshotLimit ToLimit(Limit limit, IEnumerable<SnapshotSeed> seeds) => new()
    {
        Code = limit.Code,
        OrgId = Text(limit.CustomerId),
        NodeId = Text(limit.NodeId),
        Each = limit.Each,
        Overrides = limit.Overrides,
        Below = limit.Below is { } below ? Text(below) : null,
        Since = limit.CountedSince,
        Seeds = [.. seeds],
        Scope = limit.Scope,
        Terms = limit.Terms,
    };

    private static string Text(Guid id) => id.ToString("N");

    private sealed record OrgRow(Guid Id, string ExternalId, string Timezone, string Currency, decimal Markup, string? Gathering, DateTimeOffset? GatheredWithout);

    private sealed record KeyRow
    {
        public Guid Id { get; init; }
        public string Name { get; init; } = "";
        public string Hash { get; init; } = "";
        public Guid CustomerId { get; init; }
        public Guid? TeamId { get; init; }
        public string? Team { get; init; }
        public Guid? UserId { get; init; }
        public string? User { get; init; }
        public string? Subscription { get; init; }
        public string? Environment { get; init; }
        public string[] AllowedModels { get; init; } = [];
        public DateTimeOffset? ExpiresAt { get; init; }
        public JsonElement Metadata { get; init; }
    }
}
