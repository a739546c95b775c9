using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;
using Quota.Billing.Database;

namespace Quota.Billing.Tests.Database;

public sealed class MigratorTests
{
    [Fact]
    public async Task Replicas_that_start_at_once_apply_each_migration_once()
    {
        await using var database = NpgsqlDataSource.Create(await TestPostgres.NewDatabaseAsync());
        var counts = await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => Migrator(database).MigrateAsync(CancellationToken.None)));
        counts.Order().ShouldBe([0, 0, 0, Migration.All.Count]);
        (await Migrator(database).MigrateAsync(CancellationToken.None)).ShouldBe(0);
    }

    [Fact]
    public async Task A_changed_old_migration_is_refused()
    {
        await using var database = NpgsqlDataSource.Create(await TestPostgres.NewDatabaseAsync());
        await Migrator(database).MigrateAsync(CancellationToken.None);
        await using (var command = database.CreateCommand("update schema_migrations set sha256 = 'other' where name = '0002_catalog.sql'"))
            await command.ExecuteNonQueryAsync();
        var error = await Should.ThrowAsync<MigrationException>(() => Migrator(database).MigrateAsync(CancellationToken.None));
        error.Message.ShouldContain("0002_catalog.sql");
        error.Message.ShouldContain("new migration");
    }

    [Fact]
    public void Line_ends_of_a_checkout_do_not_matter() =>
        new Migration("x", "a\r\nb\r\n").Sha256.ShouldBe(new Migration("x", "a\nb\n").Sha256);

    [Fact]
    public void They_are_numbered_without_a_repeat()
    {
        var numbers = Migration.All.Select(migration => migration.Name[..4]).ToList();
        numbers.ShouldAllBe(number => number.All(char.IsAsciiDigit));
        numbers.ShouldBeUnique();
        numbers.ShouldBe(numbers.Order());
    }

    [Fact]
    public async Task What_a_database_of_before_0040_holds_is_brought_along()
    {
        await using var database = NpgsqlDataSource.Create(await TestPostgres.NewDatabaseAsync());
        await RunAsync("create table schema_migrations (name text primary key, sha256 text not null, applied_at timestamptz not null)");
        foreach (var old in Migration.All.Where(migration => string.CompareOrdinal(migration.Name, "0040") < 0))
        {
            await RunAsync(old.Text);
            await RunAsync($"insert into schema_migrations values ('{old.Name}', '{old.Sha256}', now())");
        }
        await RunAsync("""
            insert into customers (id, external_id, created_at) values ('00000000-0000-0000-0000-000000000001', 'acme', now());
            insert into teams select ('00000000-0000-0000-0001-00000000000' || n)::uuid, c.id, 't' || n, null, now(), case n when 1 then now() end from customers c, generate_series(1, 2) n;
            insert into users select ('00000000-0000-0000-0002-00000000000' || n)::uuid, c.id, ('00000000-0000-0000-0001-00000000000' || n)::uuid, 'u' || n, null, null, now(),
                case n when 2 then now() end from customers c, generate_series(1, 2) n;
            insert into api_keys (id, customer_id, team_id, user_id, name, prefix, hash, created_at)
                select gen_random_uuid(), c.id, t.id, null, t.external_id, 'p', sha256(t.external_id::bytea), now() from customers c, teams t
                union all select gen_random_uuid(), c.id, null, u.id, u.external_id, 'p', sha256(u.external_id::bytea), now() from customers c, users u;
            insert into limits (id, customer_id, code, node_kind, node_id, meter, amount, window_terms, mode, created_at, updated_at)
                select gen_random_uuid(), c.id, 'm', 'org', c.id, 'requests', 0, '{"kind":"month"}', 'hard', now(), now() from customers c;
            insert into gateway_events (id, digest, at, customer_id, external_customer_id, code, properties, body, received_at)
                select gen_random_uuid(), decode(repeat('00', 32), 'hex'), now(), c.id, 'acme', 'llm.request', '{"requests":1}', '{}', now() from customers c, generate_series(1, 3);
            """);
        await Migrator(database).MigrateAsync(CancellationToken.None);
        (await TextAsync("select string_agg(name, ' ' order by name) from api_keys where revoked_at is null")).ShouldBe("t2 u1", "keys of the deleted must not come back with them");
        (await TextAsync("select string_agg(external_id, ' ') from users where team_id is not null")).ShouldBe("u2", "nor members of a deleted team");
        (await TextAsync("select counted_since is not null and hold = 'bounded' and clamp from limits")).ShouldBe("True", "its counters have new names");
        (await TextAsync("select sum(events)::bigint from usage_versions")).ShouldBe("3");

        async Task RunAsync(string sql)
        {
            await using var command = database.CreateCommand(sql);
            await command.ExecuteNonQueryAsync();
        }

        async Task<string?> TextAsync(string sql)
        {
            await using var command = database.CreateCommand(sql);
            return (await command.ExecuteScalarAsync())?.ToString();
        }
    }

    private static Migrator Migrator(NpgsqlDataSource database) => new(database, TimeProvider.System, NullLogger<Migrator>.Instance);
}
