using System.Data;
using Dapper;
using Npgsql;
using Quota.Shared.ControlPlane;

namespace Quota.Billing.Customers;

/// <summary>Reads what gateways need to decide: one consistent picture, in one transaction. Left out: all that does not work now.</summary>
internal sealed class SnapshotStore(NpgsqlDataSource database)
{
    public async Task<ControlSnapshot> ReadAsync(string pepper, long? clockOffsetMs, DateTimeOffset now, CancellationToken cancel)
    {
        await using var connection = await database.OpenConnectionAsync(cancel);
        await using var transaction = await connection.BeginTransactionAsync(IsolationLevel.RepeatableRead, cancel);
        var orgs = await connection.QueryAsync<OrgRow>(
            "select id, external_id, timezone, currency from customers where deleted_at is null order by id");
        return new ControlSnapshot
        {
            Version = "",
            ClockOffsetMs = clockOffsetMs,
            Pepper = pepper,
            Orgs = [.. orgs.Select(org => new SnapshotOrg(Text(org.Id), org.ExternalId, org.Timezone, org.Currency))],
            Keys = [.. (await connection.QueryAsync<KeyRow>(Keys, new { now })).Select(ToKey)],
            Limits = [.. (await connection.QueryAsync<LimitRow>(Limits, new { now })).Select(ToLimit)],
            Prices = [.. (await connection.QueryAsync<DatedPrice>(Prices, new { now })).Select(price => price.ToModelPrice())],
        };
    }

    /// <summary>A key dies with its customer, team or user; another of the same name later is somebody else.</summary>
    private const string LiveKeys = """
        from api_keys k
        join customers c on c.id = k.customer_id and c.deleted_at is null
        left join users u on u.id = k.user_id and u.deleted_at is null
        left join teams t on t.id = coalesce(k.team_id, u.team_id) and t.deleted_at is null
        where k.revoked_at is null and (k.expires_at is null or k.expires_at > @now)
            and (k.user_id is null or u.id is not null) and (k.team_id is null or t.id is not null)
        """;

    private const string Keys = $"""
        select k.id, encode(k.hash, 'hex') as hash, k.customer_id, t.id as team_id, t.external_id as team, u.id as user_id, u.external_id as "user",
            k.subscription_external_id as subscription, k.environment, k.allowed_models, k.expires_at
        {LiveKeys} order by k.id
        """;

    private const string Limits = $"""
        with live_keys as (select k.id, k.prefix {LiveKeys})
        select l.code, l.customer_id, l.node_id, c.external_id as org, coalesce(t.external_id, ut.external_id) as team, u.external_id as "user",
            k.prefix as key, l.meter, l.amount, l.currency, l.window_terms, l.mode
        from limits l
        join customers c on c.id = l.customer_id and c.deleted_at is null
        left join teams t on l.node_kind = 'team' and t.id = l.node_id and t.deleted_at is null
        left join users u on l.node_kind = 'user' and u.id = l.node_id and u.deleted_at is null
        left join teams ut on ut.id = u.team_id and ut.deleted_at is null
        left join live_keys k on l.node_kind = 'key' and k.id = l.node_id
        where l.enabled and (l.node_kind = 'org' or t.id is not null or u.id is not null or k.id is not null)
        order by l.customer_id, l.code
        """;

    private const string Prices = $"""
        select distinct on (provider, model) {PriceStore.Columns}
        from model_prices where effective_from <= @now order by provider, model, effective_from desc
        """;

    private static SnapshotKey ToKey(KeyRow row) => new()
    {
        Id = Text(row.Id),
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
    };

    private static SnapshotLimit ToLimit(LimitRow row) => new()
    {
        Code = row.Code,
        OrgId = Text(row.CustomerId),
        NodeId = Text(row.NodeId),
        Scope = string.Join('/', new[] { row.Org, row.Team, row.User, row.Key }.Where(part => part is not null)),
        Terms = new LimitTerms
        {
            Meter = row.Meter,
            Amount = row.Amount,
            Currency = row.Currency,
            Window = Limit.ReadWindow(row.WindowTerms),
            Mode = row.Mode,
        },
    };

    private static string Text(Guid id) => id.ToString("N");

    private sealed record OrgRow(Guid Id, string ExternalId, string Timezone, string Currency);

    private sealed record KeyRow
    {
        public Guid Id { get; init; }
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
    }

    private sealed record LimitRow(
        string Code, Guid CustomerId, Guid NodeId, string Org, string? Team, string? User, string? Key,
        string Meter, decimal Amount, string? Currency, string WindowTerms, string Mode);
}
