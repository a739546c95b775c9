using Dapper;
using Npgsql;

namespace Quota.Billing.Customers;

/// <summary>A part of an org. It never changes its org.</summary>
internal sealed record Team(Guid Id, string ExternalCustomerId, string ExternalId, string? Name, DateTimeOffset CreatedAt);

/// <summary>
/// Teams of live customers. A deleted team is kept, and comes back with its id when one is made under its external id again: otherwise
/// deleting it would give it a fresh budget. Its keys and members do not come back.
/// </summary>
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

    /// <summary>Makes, brings back or renames a team.</summary>
    public async Task SaveAsync(Customer org, string team, string? name)
    {
        var now = clock.GetUtcNow();
        await using var connection = await database.OpenConnectionAsync();
        await connection.ExecuteAsync("""
            with back as (
                update teams set deleted_at = null, name = @name
                where id = (select id from teams where customer_id = @customerId and external_id = @team order by deleted_at desc nulls first limit 1)
                returning id)
            insert into teams (id, customer_id, external_id, name, created_at)
            select @id, @customerId, @team, @name, @now where not exists (select from back)
            on conflict (customer_id, external_id) where deleted_at is null do update set name = excluded.name
            """, new { id = Guid.CreateVersion7(now), customerId = org.Id, team, name, now });
    }

    /// <summary>The team's own keys are revoked with it, its users stay without a team.</summary>
    public async Task DeleteAsync(Team team)
    {
        var arguments = new { team.Id, now = clock.GetUtcNow() };
        await using var connection = await database.OpenConnectionAsync();
        await using var transaction = await connection.BeginTransactionAsync();
        // One after the other: the later ones see keys and members that came while the first waited for them.
        await connection.ExecuteAsync("update teams set deleted_at = @now where id = @Id and deleted_at is null", arguments);
        await connection.ExecuteAsync("update api_keys set revoked_at = @now where team_id = @Id and revoked_at is null", arguments);
        await connection.ExecuteAsync("update users set team_id = null where team_id = @Id", arguments);
        await transaction.CommitAsync();
    }
}
