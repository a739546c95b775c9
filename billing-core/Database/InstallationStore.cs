using Dapper;
using Npgsql;

namespace Quota.Billing.Database;

/// <summary>What is made once per installation and then stays: named texts, the same for every replica.</summary>
internal sealed class InstallationStore(NpgsqlDataSource database)
{
    public async Task<string?> FindAsync(string name)
    {
        await using var connection = await database.OpenConnectionAsync();
        return await connection.QuerySingleOrDefaultAsync<string>("select value from installation where name = @name", new { name });
    }

    /// <summary>The stored text; <paramref name="made"/> becomes it when there was none. Replicas that start at once agree.</summary>
    /// <returns>The text, and whether it is the one given here.</returns>
    public async Task<(string Value, bool Added)> GetOrAddAsync(string name, string made)
    {
        await using var connection = await database.OpenConnectionAsync();
        var rows = await connection.ExecuteAsync(
            "insert into installation (name, value) values (@name, @made) on conflict (name) do nothing", new { name, made });
        return (await connection.QuerySingleAsync<string>("select value from installation where name = @name", new { name }), rows == 1);
    }

    public async Task SetAsync(string name, string value)
    {
        await using var connection = await database.OpenConnectionAsync();
        await connection.ExecuteAsync("""
            insert into installation (name, value) values (@name, @value)
            on conflict (name) do update set value = excluded.value
            """, new { name, value });
    }
}
