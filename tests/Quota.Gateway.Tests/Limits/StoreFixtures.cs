using Garnet;
using Microsoft.Extensions.Logging.Abstractions;
using Quota.Gateway.ControlPlane;
using Quota.Gateway.Limits;
using Quota.Gateway.Limits.Store;
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
        Options = LimitsOptions.Read(new Quota.Shared.Hosting.Settings(configuration, report)) with { JoinWait = TimeSpan.Zero };
        Connection = await ConnectionMultiplexer.ConnectAsync(Options.Redis);
    }

    public async ValueTask DisposeAsync()
    {
        await Connection.DisposeAsync();
        await StopAsync();
        GC.SuppressFinalize(this);
    }

    /// <summary>A gateway's view of the store: its own instance, epoch book and clock.</summary>
    internal QuotaStore Store(GatewayClock? clock = null, TimeSpan? deadline = null, string instance = "test", EpochBook? book = null, StoreEvents? events = null)
    {
        var (options, time) = (deadline is null ? Options : Options with { HoldDeadline = deadline.Value }, clock ?? new GatewayClock(TimeProvider.System));
        return new QuotaStore(new StoreConnection(Connection, options, time), book ?? new EpochBook(null), options, time, new GatewayIdentity(instance), events ?? Events());
    }

    internal static StoreEvents Events() => new(NullLogger<StoreEvents>.Instance);
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

/// <summary>Three masters: an org's keys lie together, orgs lie apart.</summary>
public sealed class ClusterFixture : StoreFixture
{
    private RedisCluster _cluster = null!;

    protected override async Task<string> StartAsync()
    {
        _cluster = await RedisCluster.StartAsync();
        return _cluster.ConnectionString;
    }

    protected override ValueTask StopAsync() => _cluster.DisposeAsync();
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
