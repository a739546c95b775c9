using System.Diagnostics;
using Microsoft.Extensions.Logging.Abstractions;
using Quota.Gateway.Limits;
using Quota.Gateway.Limits.Store;
using Quota.Gateway.Spool;
using Quota.Shared.Amounts;
using Quota.TestKit;
using StackExchange.Redis;

namespace Quota.Gateway.Tests.Limits;

/// <summary>What a gateway does with the store, without HTTP: reserve, event, settle, its tally and its epoch book.</summary>
internal sealed class StoreGateway : IAsyncDisposable
{
    private readonly string _org, _instance;
    private readonly CounterTally _tally;
    private readonly EpochBook _book;
    private readonly IConnectionMultiplexer _connection;
    private readonly CounterRebuild _rebuild;
    private readonly LimitCounter[] _plan;
    private long _seq;

    private StoreGateway(IConnectionMultiplexer connection, LimitsOptions options, string org, string instance, StoreGateway? earlier, IEpochOrders? orders)
    {
        var clock = new GatewayClock(TimeProvider.System);
        (_org, _instance, _connection) = (org, instance, connection);
        (_tally, _book, _seq) = (earlier?._tally ?? new CounterTally(clock) { IsWhole = true }, earlier?._book ?? new EpochBook(null), earlier?._seq ?? 0);
        _rebuild = new CounterRebuild(_tally, clock);
        var events = new StoreEvents(NullLogger<StoreEvents>.Instance) { RebuildAsync = epoch => _rebuild.RunAsync(epoch), Content = _rebuild.Content, Orders = orders };
        var store = new StoreConnection(connection, options, clock);
        Store = new QuotaStore(store, _book, options, clock, new GatewayIdentity(instance), events);
        Probe = new StoreProbe(store, Store, clock, NullLogger<StoreProbe>.Instance);
        Rate = Some.Rate(org, 100, every: "hour");
        _plan = [Some.Spend(org, 0.000_01m), Rate];   // 10,000 nano-units
    }

    public QuotaStore Store { get; }

    public StoreProbe Probe { get; }

    public LimitCounter Rate { get; }

    public string? Closed => Store.Epoch(_org).Closed;

    public string? Epoch => Store.Epoch(_org).Id;

    /// <param name="wire">What its connection goes through; null: nothing.</param>
    public static async Task<StoreGateway> StartAsync(RedisServer redis, string org, string instance, StoreGateway? earlier = null, IEpochOrders? orders = null, FaultyWire? wire = null)
    {
        var configuration = new Microsoft.Extensions.Configuration.ConfigurationManager { ["ConnectionStrings:Redis"] = wire is null ? redis.ConnectionString : $"127.0.0.1:{wire.Port}" };
        var options = LimitsOptions.Read(new Quota.Shared.Hosting.Settings(configuration, new Quota.Shared.Hosting.SettingsReport())) with { JoinWait = TimeSpan.Zero };
        var gateway = new StoreGateway(await ConnectionMultiplexer.ConnectAsync(options.Redis), options, org, instance, earlier, orders);
        await gateway.Probe.LookAsync();
        return gateway;
    }

    public async Task<Hold> HoldAsync(long quantity)
    {
        var id = Some.Id();
        var reply = await Store.ReserveAsync(_org, _plan, id, [new WorstCase(quantity, 0), new WorstCase(1, 0)], 1, 1, 1);
        reply.Outcome.ShouldBe(StoreOutcome.Held);
        var hold = new Hold(id, _org, reply.At, reply.Counters);
        _tally.Started(hold);
        return hold;
    }

    public async Task EndAsync(Hold hold, long used)
    {
        ExactNanos[] amounts = [new(used, 0), new(1, 0)];
        var begin = new BeginRecord
        {
            Id = hold.RequestId, At = hold.At, AtSource = "redis", OrgId = _org, Org = "acme", KeyId = "k", Provider = "openai", Upstream = "openai", Route = "/", Model = "m", Stream = false,
            StartedAt = hold.At, Price = Some.Price.Price, InputEstimate = 0, OutputBound = 0,
            Counters = [.. hold.Counters.Select(counter => new BeginCounter(counter.Id, counter.Counter.Terms.Meter, counter.Kind, counter.EndsAtMs))],
        };
        _tally.Ended(++_seq, begin, amounts);
        await SettleAgainAsync(hold, used);
    }

    public Task SettleAgainAsync(Hold hold, long used) =>
        Store.SettleAsync(_org, hold.RequestId, [.. hold.Counters.Select(counter => counter.Id)], [new(used, 0), new(1, 0)], "{}"u8.ToArray());

    public async Task CallAsync(long quantity, long used) => await EndAsync(await HoldAsync(quantity), used);

    /// <summary>Waits until the counters are believed again.</summary>
    public Task OpenAsync() => Eventually.TrueAsync("the counters are open", IsOpenAsync, detail: () => Store.Epoch(_org).Closed ?? "");

    public async Task<bool> IsOpenAsync()
    {
        try
        {
            await Store.ReadCounterAsync(_plan[0]);
            return (await Store.SeedAsync(_org, new string('0', 32), 0, 0, null)) || true;   // a real op: the guards are inside the script
        }
        catch (Exception problem) when (problem is StoreClosedException or RedisException or TimeoutException)
        {
            return false;
        }
    }

    /// <summary>Of a gathering.</summary>
    /// <param name="instance">Whose part; null: its own.</param>
    public async Task<bool> HasPutAsync(string? instance = null) => await _connection.GetDatabase().HashGetAsync(QuotaKeys.Gathering(_org), $"p:{instance ?? _instance}") == "done";

    public Task ClosedAsync(string reason) => Eventually.TrueAsync($"closed: {reason}", async () =>
    {
        try
        {
            await HoldAsync(1);
            throw new InvalidOperationException("admitted");
        }
        catch (Exception problem) when (problem is StoreClosedException or RedisException or TimeoutException)
        {
            return Store.Epoch(_org).Closed?.Contains(reason, StringComparison.Ordinal) == true;
        }
    });

    /// <summary>As the probe does each second.</summary>
    public Task LookAsync() => Store.Epoch(_org).LookAsync();

    public Task RebuildAsync() => _rebuild.RunAsync(Store.Epoch(_org));

    /// <summary>As the snapshot does while counters are gathered.</summary>
    public void Call(string epoch) => Store.Epoch(_org).Call(epoch);

    public Task AdoptAsync() => Store.Epoch(_org).AdoptAsync();

    /// <summary>Gives back what was asked for and never answered.</summary>
    public async Task ReapedAsync()
    {
        foreach (var id in await Store.OpenHoldsAsync(_org, 1000))
            await Store.ReleaseAsync(_org, id, (await Store.ReadHoldAsync(_org, id))!.Counters);
    }

    public async Task<(long Used, long Held)> StandingAsync(LimitCounter? counter = null)
    {
        var stored = await Store.ReadCounterAsync(counter ?? _plan[0]);
        return (stored.Used, stored.Held);
    }

    public ValueTask DisposeAsync() => _connection.DisposeAsync();
}
