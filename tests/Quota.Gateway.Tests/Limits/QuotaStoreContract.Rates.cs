using Quota.Gateway.Limits;
using Quota.Gateway.Limits.Store;

namespace Quota.Gateway.Tests.Limits;

/// <summary>Rates drain, holds on them do not.</summary>
public abstract partial class QuotaStoreContract
{
    [Fact]
    public async Task A_rate_admits_its_burst_and_no_more()
    {
        LimitCounter[] plan = [Some.Rate(_org, 5, every: "hour")];
        for (var i = 0; i < 5; i++)
            await SettleAsync(await HoldAsync(plan, Some.Id(), 1), 1);
        var refused = await ReserveAsync(Store, plan, Some.Id(), 1);
        refused.Outcome.ShouldBe(StoreOutcome.Refused);
        var wait = DateTimeOffset.FromUnixTimeMilliseconds(refused.Counters[0].ResetsAtMs!.Value) - refused.At;
        wait.ShouldBeInRange(TimeSpan.FromMinutes(11.9), TimeSpan.FromMinutes(12));   // one of five drains in a fifth of the hour
    }

    [Fact]
    public async Task A_rate_drains_with_time_and_holds_do_not_drain()
    {
        var clock = new GatewayClock(TimeProvider.System);
        clock.Shift(0);
        var store = fixture.Store(clock);
        LimitCounter[] plan = [Some.Rate(_org, 10, every: "hour")];
        var stays = await HoldAsync(store, plan, Some.Id(), 1);
        for (var i = 0; i < 9; i++)
            await SettleAsync(store, await HoldAsync(store, plan, Some.Id(), 1), 1);
        (await ReserveAsync(store, plan, Some.Id(), 1)).Outcome.ShouldBe(StoreOutcome.Refused);
        clock.Shift((long)TimeSpan.FromMinutes(18.5).TotalMilliseconds);   // three drained, and half of the fourth
        for (var i = 0; i < 3; i++)
            await HoldAsync(store, plan, Some.Id(), 1);
        (await ReserveAsync(store, plan, Some.Id(), 1)).Outcome.ShouldBe(StoreOutcome.Refused);
        clock.Shift((long)TimeSpan.FromHours(50).TotalMilliseconds);
        (await HoldAsync(store, plan, Some.Id(), 1)).Counters[0].HeldBefore.ShouldBe(4);   // the first and the three
        await store.ReleaseAsync(_org, stays.RequestId, IdsOf(stays));
    }

    [Fact]
    public async Task A5_a_hold_that_ends_late_does_not_buy_a_second_burst()
    {
        // Burst 100, 1/s. Debit-and-refund with clipping would let 200 through within a second of t=100.
        var clock = new GatewayClock(TimeProvider.System);
        clock.Shift(0);
        var store = fixture.Store(clock);
        LimitCounter[] plan = [Some.Rate(_org, 1, every: "second", burst: 100)];
        var early = await HoldAsync(store, plan, Some.Id(), 100);
        clock.Shift(100_000);
        (await ReserveAsync(store, plan, Some.Id(), 1)).Outcome.ShouldBe(StoreOutcome.Refused);   // what is held stands, however long
        await SettleAsync(store, early, 100);
        (await ReserveAsync(store, plan, Some.Id(), 5)).Outcome.ShouldBe(StoreOutcome.Refused);   // used now, so it drains from now
        clock.Shift(110_000);
        (await ReserveAsync(store, plan, Some.Id(), 12)).Outcome.ShouldBe(StoreOutcome.Refused);
        await HoldAsync(store, plan, Some.Id(), 9);
    }

    [Fact]
    public async Task A7_a_lowered_rate_drains_at_its_new_speed_though_older_holds_still_run()
    {
        var clock = new GatewayClock(TimeProvider.System);
        clock.Shift(0);
        var store = fixture.Store(clock);
        var older = await HoldAsync(store, [Some.Rate(_org, 60_000, every: "hour")], Some.Id(), 1);
        LimitCounter[] lowered = [Some.Rate(_org, 60, every: "hour")];
        await SettleAsync(store, await HoldAsync(store, lowered, Some.Id(), 50), 50);
        clock.Shift(60_000);   // drains one
        (await store.ExtendAsync(older, [1])).ShouldBe(ExtendOutcome.Held);
        (await ReserveAsync(store, lowered, Some.Id(), 11)).Outcome.ShouldBe(StoreOutcome.Refused);
        await HoldAsync(store, lowered, Some.Id(), 10);
    }
}
