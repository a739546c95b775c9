using Garnet;
using Quota.Gateway.Limits;
using Quota.Gateway.Limits.Kinds;
using Quota.Shared.ControlPlane;
using Quota.TestKit;
using StackExchange.Redis;

namespace Quota.Gateway.Tests.Limits;

/// <summary>A store that the scripts run on.</summary>
public abstract class StoreFixture : IAsyncLifetime
{
    internal IConnectionMultiplexer Connection { get; private set; } = null!;

    internal LimitsOptions Options { get; private set; } = null!;

    protected abstract Task<string> StartAsync();

    protected abstract ValueTask StopAsync();

    public async ValueTask InitializeAsync()
    {
        var report = new Quota.Shared.Hosting.SettingsReport();
        var configuration = new Microsoft.Extensions.Configuration.ConfigurationManager { ["ConnectionStrings:Redis"] = await StartAsync(), ["Limits:RedisTimeout"] = "5s" };
        Options = LimitsOptions.Read(new Quota.Shared.Hosting.Settings(configuration, report));
        Connection = await ConnectionMultiplexer.ConnectAsync(Options.Redis);
    }

    public async ValueTask DisposeAsync()
    {
        await Connection.DisposeAsync();
        await StopAsync();
        GC.SuppressFinalize(this);
    }

    internal QuotaStore Store(GatewayClock? clock = null, TimeSpan? deadline = null, string instance = "test") =>
        new(Connection, deadline is null ? Options : Options with { HoldDeadline = deadline.Value }, clock ?? new GatewayClock(TimeProvider.System), new GatewayIdentity(instance));
}

/// <summary>Redis 7, the reference.</summary>
public sealed class RedisFixture : StoreFixture
{
    private RedisServer _server = null!;

    protected override async Task<string> StartAsync()
    {
        _server = await RedisServer.StartAsync();
        return _server.ConnectionString;
    }

    protected override ValueTask StopAsync() => _server.DisposeAsync();
}

/// <summary>Garnet in transaction mode, as the launcher embeds it.</summary>
public sealed class GarnetFixture : StoreFixture
{
    private GarnetServer _server = null!;

    protected override Task<string> StartAsync()
    {
        var port = FreePort.Next();
        _server = new GarnetServer(["--bind", "127.0.0.1", "--port", $"{port}", "--lua", "--lua-transaction-mode", "--logger-level", "Error"]);
        _server.Start();
        return Task.FromResult($"127.0.0.1:{port}");
    }

    protected override ValueTask StopAsync()
    {
        _server.Dispose();
        return ValueTask.CompletedTask;
    }
}

/// <summary>Makes limits for tests.</summary>
internal static class Some
{
    public static string Org() => Convert.ToHexStringLower(System.Security.Cryptography.RandomNumberGenerator.GetBytes(16));

    public static Limit Spend(string org, decimal amount, string node = "node", string code = "month", string zone = "UTC") =>
        Limit(org, node, code, new SpendLimit(), new LimitTerms { Meter = Meters.Spend, Amount = amount, Currency = "USD", Window = new LimitWindow { Kind = "month", Timezone = zone } });

    public static Limit Rate(string org, decimal amount, string every = "minute", long? burst = null, string node = "node", string code = "rpm") =>
        Limit(org, node, code, new RequestLimit(), new LimitTerms { Meter = Meters.Requests, Amount = amount, Window = new LimitWindow { Kind = "rate", Every = every, Burst = burst } });

    public static Guid Id() => Guid.CreateVersion7(TimeProvider.System.GetUtcNow());

    private static Limit Limit(string org, string node, string code, ILimitKind kind, LimitTerms terms) =>
        new(new SnapshotLimit { Code = code, OrgId = org, NodeId = node, Scope = "acme", Terms = terms }, new SnapshotOrg(org, "acme", "UTC", "USD"), kind);
}
