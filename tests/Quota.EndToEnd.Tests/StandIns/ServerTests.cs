using Npgsql;
using Quota.TestKit;

namespace Quota.EndToEnd.Tests.StandIns;

public sealed class ServerTests
{
    [Fact]
    public async Task Redis_answers_and_is_flushed_and_keeps_its_data_over_a_kill_when_asked_to()
    {
        await using var redis = await RedisServer.StartAsync(appendOnly: true);
        await redis.FlushAllAsync();
        (await CaptiveProcess.RunAsync(new CaptiveCommand("redis-cli", "-p", $"{redis.Port}", "set", "k", "v"), TimeSpan.FromSeconds(5))).ShouldBe("OK");
        redis.Process.Kill();
        await redis.Process.Exited;
        await redis.StartAgainAsync();
        (await CaptiveProcess.RunAsync(new CaptiveCommand("redis-cli", "-p", $"{redis.Port}", "get", "k"), TimeSpan.FromSeconds(5))).ShouldBe("v");
    }

    [Fact]
    public async Task Postgres_gives_each_test_a_database_of_its_own()
    {
        await using var postgres = await PostgresServer.StartAsync();
        var one = await postgres.CreateDatabaseAsync("one");
        var two = await postgres.CreateDatabaseAsync("two");
        (await postgres.CreateDatabaseAsync("two")).ShouldBe(two);
        (await ScalarAsync(one, "create table t as select 1 as n; select current_database()::text")).ShouldBe("one");
        (await ScalarAsync(two, "select to_regclass('t')::text")).ShouldBe(DBNull.Value);
        (await ScalarAsync(one, "show max_connections")).ShouldBe("100");
        await Should.ThrowAsync<ArgumentException>(() => postgres.CreateDatabaseAsync("x; drop database one"));
    }

    [Fact]
    public async Task Postgres_uses_a_kept_folder_again()
    {
        var folder = Path.Combine("/var/tmp", "quota-kept-" + Guid.CreateVersion7(TimeProvider.System.GetUtcNow()).ToString("N"));
        try
        {
            var options = new PostgresOptions { DataFolder = folder, Password = "secret of this folder" };
            await using (var first = await PostgresServer.StartAsync(options))
                await ScalarAsync(await first.CreateDatabaseAsync("kept"), "create table t as select 42 as n");
            await using var second = await PostgresServer.StartAsync(options);
            (await ScalarAsync(second.ConnectionString("kept"), "select n from t")).ShouldBe(42);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Fact]
    public void The_trace_has_the_sums_that_its_source_states()
    {
        var rows = Trace.Read();
        rows.Count.ShouldBe(19_366);
        rows.Sum(r => (long)r.ContextTokens).ShouldBe(22_361_870);
        rows.Sum(r => (long)r.GeneratedTokens).ShouldBe(4_088_665);
        rows.Min(r => r.ContextTokens).ShouldBeGreaterThan(0);
        Trace.Read(3).Count.ShouldBe(3);
    }

    private static async Task<object?> ScalarAsync(string connectionString, string sql)
    {
        await using var source = NpgsqlDataSource.Create(connectionString);
        await using var command = source.CreateCommand(sql);
        return await command.ExecuteScalarAsync();
    }
}
