using Dapper;
using Npgsql;

namespace Quota.Billing.Customers;

/// <summary>A part of an org. It never changes its org.</summary>
internal sealed record Team(Guid Id, string ExternalCustomerId, string ExternalId, string? Name, DateTimeOffset CreatedAt);

/// <summary>Teams of live customers. A deleted team is kept, and a new one with its external id is another team.</summary>
internal sealed class TeamStore(NpgsqlDataSource database, TimeProvider clock)
{
    private const string Select = """
        select t.id, c.external_id as external_customer_id, t.external_id, t.name, t.created_at
        from teams t join customers c on c.id = t.customer_id
        where t.deleted_at is null and c.deleted_at is null and c.external_id = @org
        """;

    public async Task<Team?> FindAsync(string org, string team)
    {
        await using var connection = await database.OpenConnectionAsync();
        return await connection.QuerySingleOrDefaultAsync<Team>($"{Select} and t.external_id = @team", new { org, team });
    }

    public async Task<(IReadOnlyList<Team> Items, long Total)> ListAsync(string org, int offset, int limit)
    {
        await using var connection = await database.OpenConnectionAsync();
        var items = await connection.QueryAsync<Team>($"{Select} order by t.external_id offset @offset limit @limit", new { org, offset, limit });
        return (items.AsList(), await connection.ExecuteScalarAsync<long>($"select count(*) from ({Select}) teams", new { org }));
    }

    /// <summary>Makes or renames a team.</summary>
    public async Task SaveAsync(Customer org, string team, string? name)
    {
        var now = clock.GetUtcNow();
        await using var connection = await database.OpenConnectionAsync();
        await connection.ExecuteAsync("""
            insert into teams (id, customer_id, external_id, name, created_at) values (@id, @customerId, @team, @name, @now)
            on conflict (customer_id, external_id) where deleted_at is null do update set name = excluded.name
            """, new { id = Guid.CreateVersion7(now), customerId = org.Id, team, name, now });
    }

    public async Task DeleteAsync(Team team)
    {
        await using var connection = await database.OpenConnectionAsync();
        await connection.ExecuteAsync("update teams set deleted_at = @now where id = @Id and deleted_at is null", new { team.Id, now = clock.GetUtcNow() });
    }
}
