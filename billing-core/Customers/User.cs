using Dapper;
using Npgsql;

namespace Quota.Billing.Customers;

/// <summary>Somebody who calls. May change team within the org; what was used before stays with the old team.</summary>
internal sealed record User(
    Guid Id, string ExternalCustomerId, string ExternalId, string? ExternalTeamId, string? Name, string? Email, DateTimeOffset CreatedAt);

/// <summary>
/// Users of live customers. A deleted user is kept, and comes back with its id when one is made under its external id again: otherwise
/// deleting it would give it a fresh budget. Its keys do not come back.
/// </summary>
internal sealed class UserStore(NpgsqlDataSource database, TimeProvider clock)
{
    private const string Select = """
        select u.id, c.external_id as external_customer_id, u.external_id, t.external_id as external_team_id, u.name, u.email, u.created_at
        from users u
        join customers c on c.id = u.customer_id
        left join teams t on t.id = u.team_id and t.deleted_at is null
        where u.deleted_at is null and c.deleted_at is null and c.external_id = @org
        """;

    public async Task<User?> FindAsync(string org, string user)
    {
        await using var connection = await database.OpenConnectionAsync();
        return await connection.QuerySingleOrDefaultAsync<User>($"{Select} and u.external_id = @user", new { org, user });
    }

    public async Task<(IReadOnlyList<User> Items, long Total)> ListAsync(string org, int offset, int limit)
    {
        await using var connection = await database.OpenConnectionAsync();
        var items = await connection.QueryAsync<User>($"{Select} order by u.external_id offset @offset limit @limit", new { org, offset, limit });
        return (items.AsList(), await connection.ExecuteScalarAsync<long>($"select count(*) from ({Select}) users", new { org }));
    }

    /// <summary>Makes, brings back or changes a user.</summary>
    public async Task SaveAsync(Customer org, string user, Guid? teamId, string? name, string? email)
    {
        var now = clock.GetUtcNow();
        await using var connection = await database.OpenConnectionAsync();
        await connection.ExecuteAsync("""
            with back as (
                update users set deleted_at = null, team_id = @teamId, name = @name, email = @email
                where id = (select id from users where customer_id = @customerId and external_id = @user order by deleted_at desc nulls first limit 1)
                returning id)
            insert into users (id, customer_id, team_id, external_id, name, email, created_at)
            select @id, @customerId, @teamId, @user, @name, @email, @now where not exists (select from back)
            on conflict (customer_id, external_id) where deleted_at is null
            do update set team_id = excluded.team_id, name = excluded.name, email = excluded.email
            """, new { id = Guid.CreateVersion7(now), customerId = org.Id, teamId, user, name, email, now });
    }

    /// <summary>Its keys are revoked with it.</summary>
    public async Task DeleteAsync(User user)
    {
        var arguments = new { user.Id, now = clock.GetUtcNow() };
        await using var connection = await database.OpenConnectionAsync();
        await using var transaction = await connection.BeginTransactionAsync();
        // Two statements: the second sees keys that were made while the first waited for them.
        await connection.ExecuteAsync("update users set deleted_at = @now where id = @Id and deleted_at is null", arguments);
        await connection.ExecuteAsync("update api_keys set revoked_at = @now where user_id = @Id and revoked_at is null", arguments);
        await transaction.CommitAsync();
    }
}
