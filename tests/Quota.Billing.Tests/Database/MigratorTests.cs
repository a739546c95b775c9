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

    private static Migrator Migrator(NpgsqlDataSource database) => new(database, TimeProvider.System, NullLogger<Migrator>.Instance);
}
