using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;
using Quota.Billing.Database;
using Quota.Shared.Hosting;

namespace Quota.Billing.Tests.Database;

/// <summary>The connection string: bounds of ours where it says nothing, its own where it does.</summary>
public sealed class DatabaseRegistrationTests
{
    [Theory]
    [InlineData("", 50, 64)]
    [InlineData(";Maximum Pool Size=7", 7, 64)]
    [InlineData(";MaxPoolSize=7;Max Auto Prepare=0", 7, 0)]
    public async Task What_it_does_not_say_has_a_bound(string more, int pool, int prepared)
    {
        var services = new ServiceCollection().AddLogging();
        var settings = new ConfigurationManager { ["ConnectionStrings:Postgres"] = $"Host=127.0.0.1;Database=quota;Username=quota{more}" };
        services.AddDatabase(settings, new SettingsReport());
        await using var provider = services.BuildServiceProvider();
        var found = new NpgsqlConnectionStringBuilder(provider.GetRequiredService<NpgsqlDataSource>().ConnectionString);
        (found.MaxPoolSize, found.MaxAutoPrepare).ShouldBe((pool, prepared));
    }
}
