using System.Text.Json;
using Dapper;
using Npgsql;

namespace Quota.Billing.Customers;

/// <summary>A key that a gateway accepts, without its secret: that is shown once, when it is made, and is stored only as a hash.</summary>
internal sealed record ApiKey
{
    public Guid Id { get; init; }

    /// <summary>The secret's first characters, for people to tell keys apart.</summary>
    public string Prefix { get; init; } = "";

    public string ExternalCustomerId { get; init; } = "";

    public string? ExternalTeamId { get; init; }

    public string? ExternalUserId { get; init; }

    public string? ExternalSubscriptionId { get; init; }

    public string? Name { get; init; }

    public string? Environment { get; init; }

    public string[] AllowedModels { get; init; } = [];

    public DateTimeOffset? ExpiresAt { get; init; }

    public DateTimeOffset CreatedAt { get; init; }

    public DateTimeOffset? RevokedAt { get; init; }

    public JsonElement Metadata { get; init; }
}

/// <summary>A key to be stored: whose it is, by internal ids, and the hash of its secret.</summary>
internal sealed record NewApiKey(
    Guid Id, Guid CustomerId, Guid? TeamId, Guid? UserId, string? ExternalSubscriptionId, string? Name, string Prefix, byte[] Hash,
    string? Environment, string[] AllowedModels, DateTimeOffset? ExpiresAt, string Metadata, DateTimeOffset CreatedAt);

/// <summary>API keys. A revoked key is kept and shown as revoked.</summary>
internal sealed class ApiKeyStore(NpgsqlDataSource database, TimeProvider clock)
{
    private const string Select = """
        select k.id, k.prefix, c.external_id as external_customer_id, t.external_id as external_team_id, u.external_id as external_user_id,
            k.subscription_external_id as external_subscription_id, k.name, k.environment, k.allowed_models, k.expires_at, k.created_at,
            k.revoked_at, k.metadata
        from api_keys k
        join customers c on c.id = k.customer_id
        left join users u on u.id = k.user_id
        left join teams t on t.id = coalesce(k.team_id, u.team_id)
        where (@id::uuid is null or k.id = @id) and (@org::text is null or c.external_id = @org and c.deleted_at is null)
        """;

    /// <param name="org">Only when it is a key of this customer, who is not deleted; any key when null.</param>
    public async Task<ApiKey?> FindAsync(Guid id, string? org = null)
    {
        await using var connection = await database.OpenConnectionAsync();
        return await connection.QuerySingleOrDefaultAsync<ApiKey>(Select, new { id = (Guid?)id, org });
    }

    /// <param name="org">Only this customer's keys; all when null.</param>
    public async Task<(IReadOnlyList<ApiKey> Items, long Total)> ListAsync(string? org, int offset, int limit)
    {
        var arguments = new { id = (Guid?)null, org, offset, limit };
        await using var connection = await database.OpenConnectionAsync();
        var items = await connection.QueryAsync<ApiKey>($"{Select} order by k.id desc offset @offset limit @limit", arguments);
        return (items.AsList(), await connection.ExecuteScalarAsync<long>($"select count(*) from ({Select}) keys", arguments));
    }

    /// <summary>Waits for a deletion of its user or team that is under way.</summary>
    /// <returns>False, and nothing stored, when the user or team is gone by now.</returns>
    public async Task<bool> AddAsync(NewApiKey key)
    {
        await using var connection = await database.OpenConnectionAsync();
        return await connection.ExecuteAsync("""
            with owner as (select id from users where id = @UserId and deleted_at is null for share),
                its_team as (select id from teams where id = @TeamId and deleted_at is null for share)
            insert into api_keys (id, customer_id, team_id, user_id, subscription_external_id, name, prefix, hash, environment,
                allowed_models, expires_at, metadata, created_at)
            select @Id, @CustomerId, @TeamId, @UserId, @ExternalSubscriptionId, @Name, @Prefix, @Hash, @Environment,
                @AllowedModels, @ExpiresAt, @Metadata::jsonb, @CreatedAt
            where (@UserId::uuid is null or exists (select from owner)) and (@TeamId::uuid is null or exists (select from its_team))
            """, key) == 1;
    }

    /// <summary>Revoking again changes nothing. Gateways stop accepting the key with their next snapshot.</summary>
    public async Task RevokeAsync(Guid id)
    {
        await using var connection = await database.OpenConnectionAsync();
        await connection.ExecuteAsync("update api_keys set revoked_at = @now where id = @id and revoked_at is null", new { id, now = clock.GetUtcNow() });
    }
}
