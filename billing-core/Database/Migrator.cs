using System.Security.Cryptography;
using System.Text;
using Dapper;
using Npgsql;
using Quota.Shared.Hosting;

namespace Quota.Billing.Database;

/// <summary>
/// Brings the schema up to date: numbered SQL files, built in, each in one transaction, only forward. Safe when several replicas
/// start at once (an advisory lock lets one work, the others find nothing to do) and when it is killed half-way.
/// </summary>
internal sealed class Migrator(NpgsqlDataSource database, TimeProvider clock, ILogger<Migrator> log)
{
    /// <summary>Any constant of ours: "quota" in ASCII.</summary>
    private const long LockKey = 0x71756f7461;

    /// <summary>Seconds; a waiting replica waits for another's migrations, and a large table's index takes its time.</summary>
    private const int Patience = 900;

    /// <returns>How many migrations were applied.</returns>
    /// <exception cref="MigrationException">An applied migration is no longer what it was, or one failed.</exception>
    public async Task<int> MigrateAsync(CancellationToken cancel)
    {
        await using var connection = await database.OpenConnectionAsync(cancel);
        await connection.ExecuteAsync(new CommandDefinition("select pg_advisory_lock(@LockKey)", new { LockKey }, commandTimeout: Patience, cancellationToken: cancel));
        try
        {
            return await ApplyMissingAsync(connection, cancel);
        }
        finally
        {
            await connection.ExecuteAsync("select pg_advisory_unlock(@LockKey)", new { LockKey });
        }
    }

    private async Task<int> ApplyMissingAsync(NpgsqlConnection connection, CancellationToken cancel)
    {
        await connection.ExecuteAsync("""
            create table if not exists schema_migrations (
                name       text primary key,
                sha256     text not null,
                applied_at timestamptz not null
            )
            """);
        var applied = (await connection.QueryAsync<(string Name, string Sha256)>("select name, sha256 from schema_migrations"))
            .ToDictionary(row => row.Name, row => row.Sha256);
        var count = 0;
        foreach (var migration in Migration.All)
        {
            if (!applied.TryGetValue(migration.Name, out var sha256))
            {
                await ApplyAsync(connection, migration, cancel);
                count++;
            }
            else if (sha256 != migration.Sha256)
            {
                throw new MigrationException($"{migration.Name} was changed after it had been applied to this database; "
                    + "put its old text back and write the change as a new migration.");
            }
        }
        if (count == 0)
            Log.SchemaCurrent(log, Migration.All.Count);
        return count;
    }

    private async Task ApplyAsync(NpgsqlConnection connection, Migration migration, CancellationToken cancel)
    {
        Log.Applying(log, migration.Name);
        await using var transaction = await connection.BeginTransactionAsync(cancel);
        try
        {
            await connection.ExecuteAsync(new CommandDefinition(migration.Text, transaction: transaction, commandTimeout: Patience, cancellationToken: cancel));
        }
        catch (PostgresException error)
        {
            throw new MigrationException($"{migration.Name} failed: {error.MessageText}", error);
        }
        await connection.ExecuteAsync("insert into schema_migrations values (@Name, @Sha256, @Now)",
            new { migration.Name, migration.Sha256, Now = clock.GetUtcNow() }, transaction);
        await transaction.CommitAsync(cancel);
    }
}

/// <summary>One built-in SQL file; the number in its name is its place.</summary>
internal sealed record Migration(string Name, string Text)
{
    public static readonly IReadOnlyList<Migration> All =
        [.. EmbeddedText.List(typeof(Migration).Assembly, "Database/Migrations")
            .Select(path => new Migration(path["Database/Migrations/".Length..], EmbeddedText.Read(typeof(Migration).Assembly, path)))];

    /// <summary>Of the text with Unix line ends, so that a checkout's line ends do not matter.</summary>
    public string Sha256 { get; } =
        Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(Text.ReplaceLineEndings("\n"))));
}

/// <summary>The schema could not be brought up to date; the message is for the operator.</summary>
internal sealed class MigrationException(string message, Exception? inner = null) : Exception(message, inner);
