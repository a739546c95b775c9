using Quota.Shared.Hosting;

namespace Quota.Billing.Tests.Access;

public sealed class SettingsTests
{
    [Fact]
    public void All_mistakes_are_in_one_report()
    {
        var error = Should.Throw<SettingsException>(() => Program.Build(BillingApp.Arguments(null, new Dictionary<string, string?>
        {
            ["urls"] = "localhost",
            ["Bootstrap:AdminKey"] = "short",
            ["Gateways:Tokens:0"] = "has a space in it, so it is none",
            ["Keys:Pepper"] = "c2hvcnQ=",
            ["TestClock:Enabled"] = "perhaps",
            ["Http:MaxBodyBytes"] = "-1",
            ["Ingest:MaxConcurrent"] = "0",
            ["Ingest:KeepMonths"] = "0",
        })));
        foreach (var setting in new[]
        {
            "Urls", "ConnectionStrings__Postgres", "Bootstrap__AdminKey", "Gateways__Tokens__0", "Keys__Pepper", "TestClock__Enabled",
            "Http__MaxBodyBytes", "Ingest__MaxConcurrent", "Ingest__KeepMonths",
        })
        {
            error.Mistakes.ShouldContain(mistake => mistake.StartsWith(setting + ":", StringComparison.Ordinal), setting);
        }
        error.Message.ShouldNotContain("has a space");
        error.Message.ShouldNotContain("c2hvcnQ");
    }

    [Fact]
    public async Task The_process_ends_with_1()
    {
        (await Program.Main(BillingApp.Arguments("Host=;Nonsense=1", new Dictionary<string, string?>()))).ShouldBe(1);
        (await Program.Main(BillingApp.Arguments("Host=127.0.0.1;Port=1;Database=none;Username=none;Timeout=2", new Dictionary<string, string?>()))).ShouldBe(1);
    }

    [Fact]
    public async Task Migrate_only_migrates_and_ends()
    {
        var database = await TestPostgres.NewDatabaseAsync();
        (await Program.Main([.. BillingApp.Arguments(database, new Dictionary<string, string?>()), "--migrate-only"])).ShouldBe(0);
        await using var connection = new Npgsql.NpgsqlConnection(database);
        await connection.OpenAsync();
        await using var command = new Npgsql.NpgsqlCommand("select count(*) from schema_migrations", connection);
        ((long)(await command.ExecuteScalarAsync())!).ShouldBeGreaterThanOrEqualTo(6);
    }
}
