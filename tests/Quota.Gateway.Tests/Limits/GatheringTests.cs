using Quota.Gateway.Limits.Store;
using Quota.TestKit;

namespace Quota.Gateway.Tests.Limits;

/// <summary>Several gateways whose store has lost its counters put them together from what each knows (protocols A9).</summary>
public sealed class GatheringTests : IAsyncLifetime
{
    private readonly string _org = Some.Org();
    private readonly List<StoreGateway> _gateways = [];
    private RedisServer _redis = null!;

    public async ValueTask InitializeAsync() => _redis = await RedisServer.StartAsync(appendOnly: true);

    [Fact]
    public async Task Emptied_it_opens_with_what_all_of_them_used_and_hold()
    {
        var orders = new PlayedOrders("a", "b", "c");
        var (one, two, three) = (await GatewayAsync("a", orders), await GatewayAsync("b", orders), await GatewayAsync("c", orders));
        await one.CallAsync(quantity: 500, used: 300);
        await two.CallAsync(quantity: 500, used: 200);
        await one.CallAsync(quantity: 1, used: 0);   // finds that another counts here, too
        var running = await two.HoldAsync(700);
        await _redis.FlushAllAsync();
        await one.ClosedAsync("put together by all gateways");
        await two.ClosedAsync("put together by all gateways");
        three.Call(orders.Gathering.ShouldNotBeNull());   // never had a call; without its word nothing opens
        await Task.WhenAll(one.OpenAsync(), two.OpenAsync(), three.OpenAsync());
        foreach (var gateway in _gateways)
            (await gateway.StandingAsync()).ShouldBe((500, 700));
        await two.EndAsync(running, 650);
        (await one.StandingAsync()).ShouldBe((1150, 0));
        orders.Gathering.ShouldBeNull();
        orders.Generation.ShouldBe(2);
    }

    [Fact]
    public async Task Without_one_that_was_lost_nothing_is_put_before_the_snapshot_says_what_that_had_used()
    {
        var orders = new PlayedOrders("a", "b") { Lost = ["b"] };
        var (one, two) = (await GatewayAsync("a", orders), await GatewayAsync("b", orders));
        await one.CallAsync(quantity: 500, used: 300);
        await two.CallAsync(quantity: 500, used: 200);
        await one.CallAsync(quantity: 1, used: 0);
        await _redis.FlushAllAsync();
        await one.ClosedAsync("put together by all gateways");
        await Eventually.TrueAsync("it has asked again", () => orders.Asked > 3);
        (await one.HasPutAsync()).ShouldBeFalse("its snapshot is of before");
        one.Call(orders.Gathering.ShouldNotBeNull());
        await one.OpenAsync();
        (await one.StandingAsync()).ShouldBe((300, 0));
    }

    [Fact]
    public async Task A_call_that_ends_meanwhile_counts_once()
    {
        var orders = new PlayedOrders("a", "b");
        var (one, two) = (await GatewayAsync("a", orders), await GatewayAsync("b", orders));
        await two.CallAsync(quantity: 10, used: 10);
        await one.CallAsync(quantity: 1, used: 0);   // finds that another counts here, too
        var running = await one.HoldAsync(700);
        await _redis.FlushAllAsync();
        await one.ClosedAsync("put together by all gateways");
        await Eventually.TrueAsync("it has put its part", async () => await one.HasPutAsync());
        await Should.ThrowAsync<StoreClosedException>(() => one.EndAsync(running, 600));   // the settle has to be said again
        two.Call(orders.Gathering.ShouldNotBeNull());
        await Task.WhenAll(one.OpenAsync(), two.OpenAsync());
        (await one.StandingAsync()).ShouldBe((10, 700));
        await one.SettleAgainAsync(running, 600);
        (await one.StandingAsync()).ShouldBe((610, 0));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public async Task What_is_put_and_not_answered_is_put_again_and_counts_once(int seed)
    {
        await using var wire = new FaultyWire(_redis.Port, seed, WireFault.CutAnswer);
        var orders = new PlayedOrders("a", "b");
        var (one, two) = (await GatewayAsync("a", orders, wire: wire), await GatewayAsync("b", orders));
        await two.CallAsync(quantity: 500, used: 200);
        await one.CallAsync(quantity: 500, used: 300);
        await two.CallAsync(quantity: 1, used: 0);   // finds that another counts here, too
        var running = await one.HoldAsync(700);
        await _redis.FlushAllAsync();
        await two.ClosedAsync("put together by all gateways");
        wire.Odds = 1;
        one.Call(orders.Gathering.ShouldNotBeNull());
        await Eventually.TrueAsync("an answer was cut", () => wire.Done.GetValueOrDefault(WireFault.CutAnswer) > 0);
        wire.Odds = 0.3;
        await Eventually.TrueAsync("it has put its part", async () => await two.HasPutAsync("a") || await two.IsOpenAsync(), TimeSpan.FromSeconds(60), () => $"{one.Closed}, {wire.Done.GetValueOrDefault(WireFault.CutAnswer)} answers cut");
        wire.Calm();
        await Task.WhenAll(one.OpenAsync(), two.OpenAsync());
        (await two.StandingAsync()).ShouldBe((500, 700));
        (await two.StandingAsync(two.Rate)).Held.ShouldBe(1);
        await one.EndAsync(running, 650);
        (await two.StandingAsync()).ShouldBe((1150, 0));
    }

    [Fact]
    public async Task It_stays_closed_until_the_one_that_was_killed_is_back()
    {
        var orders = new PlayedOrders("a", "b");
        var (one, two) = (await GatewayAsync("a", orders), await GatewayAsync("b", orders));
        await one.CallAsync(quantity: 500, used: 300);
        await two.CallAsync(quantity: 500, used: 200);
        await one.CallAsync(quantity: 1, used: 0);   // finds that another counts here, too
        await two.DisposeAsync();
        await _redis.FlushAllAsync();
        await one.ClosedAsync("put together by all gateways");
        await Eventually.TrueAsync("it has put its part", async () => await one.HasPutAsync());
        var again = await GatewayAsync("b", orders, two);
        await Task.WhenAll(one.OpenAsync(), again.OpenAsync());
        (await one.StandingAsync()).ShouldBe((500, 0));
    }

    [Fact]
    public async Task Emptied_again_while_they_put_it_they_begin_once_more()
    {
        var orders = new PlayedOrders("a", "b");
        var (one, two) = (await GatewayAsync("a", orders), await GatewayAsync("b", orders));
        await one.CallAsync(quantity: 500, used: 300);
        await two.CallAsync(quantity: 500, used: 200);
        await one.CallAsync(quantity: 1, used: 0);   // finds that another counts here, too
        await _redis.FlushAllAsync();
        await one.ClosedAsync("put together by all gateways");
        await Eventually.TrueAsync("it has put its part", async () => await one.HasPutAsync());
        await _redis.FlushAllAsync();
        two.Call(orders.Gathering.ShouldNotBeNull());
        await Eventually.TrueAsync("both are open", async () =>
        {
            if (orders.Gathering is { } epoch)   // as snapshots go on to say
                _gateways.ForEach(gateway => gateway.Call(epoch));
            return await one.IsOpenAsync() && await two.IsOpenAsync();
        });
        (await two.StandingAsync()).ShouldBe((500, 0));
        orders.Generation.ShouldBeGreaterThan(1);
    }

    [Fact]
    public async Task Restored_from_an_old_copy_nobody_goes_on_counting_on_it()
    {
        var orders = new PlayedOrders("a", "b");
        var (one, two) = (await GatewayAsync("a", orders), await GatewayAsync("b", orders));
        await one.CallAsync(quantity: 500, used: 300);
        await two.CallAsync(quantity: 500, used: 200);
        await one.CallAsync(quantity: 1, used: 0);   // finds that another counts here, too
        var copy = await _redis.CopyDataAsync();
        await one.CallAsync(quantity: 500, used: 400);   // only this one can know
        await _redis.StartAgainFromAsync(copy);
        await Eventually.TrueAsync("it is gathered", async () =>
        {
            await one.IsOpenAsync();
            return orders.Generation > 1;
        });
        await Eventually.TrueAsync("both are open", async () =>
        {
            if (orders.Gathering is { } epoch)
                two.Call(epoch);
            return await one.IsOpenAsync() && await two.IsOpenAsync();
        }, detail: () => $"{one.Closed} / {two.Closed} / {orders.Gathering} {orders.Generation}");
        (await two.StandingAsync()).ShouldBe((900, 0));
    }

    [Fact]
    public async Task Who_has_never_counted_does_not_begin_with_nothing_where_others_have()
    {
        var orders = new PlayedOrders("a", "b");
        var (one, two) = (await GatewayAsync("a", orders), await GatewayAsync("b", orders));
        await one.CallAsync(quantity: 500, used: 300);
        await _redis.FlushAllAsync();
        await two.ClosedAsync("put together by all gateways");
        await Task.WhenAll(one.OpenAsync(), two.OpenAsync());
        (await two.StandingAsync()).ShouldBe((300, 0));
    }

    [Fact]
    public async Task Without_the_core_nothing_is_begun_where_nothing_is()
    {
        var orders = new PlayedOrders("a") { IsAway = true };
        var one = await GatewayAsync("a", orders);
        await one.ClosedAsync("the core is away");
        orders.IsAway = false;
        await one.OpenAsync();
        await one.CallAsync(quantity: 500, used: 300);
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var gateway in _gateways)
            await gateway.DisposeAsync();
        await _redis.DisposeAsync();
    }

    private async Task<StoreGateway> GatewayAsync(string instance, IEpochOrders orders, StoreGateway? earlier = null, FaultyWire? wire = null)
    {
        var gateway = await StoreGateway.StartAsync(_redis, _org, instance, earlier, orders, wire);
        _gateways.Add(gateway);
        return gateway;
    }
}
