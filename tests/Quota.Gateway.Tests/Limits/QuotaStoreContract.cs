using Microsoft.Extensions.Time.Testing;
using Quota.Gateway.Limits;
using Quota.Shared.Amounts;
using Quota.TestKit;
using StackExchange.Redis;

namespace Quota.Gateway.Tests.Limits;

/// <summary>The scripts on Redis 7.</summary>
public sealed class RedisQuotaStoreTests(RedisFixture redis) : QuotaStoreContract(redis), IClassFixture<RedisFixture>;

/// <summary>The scripts on Garnet.</summary>
public sealed class GarnetQuotaStoreTests(GarnetFixture garnet) : QuotaStoreContract(garnet), IClassFixture<GarnetFixture>;

/// <summary>What holds must do on every store: the states and arrows of a hold, the time rule, contention.</summary>
public abstract class QuotaStoreContract(StoreFixture fixture)
{
    private readonly string _org = Some.Org();

    private QuotaStore Store => fixture.Store();

    private static RedisKey[] KeysOf(Hold hold) => [.. hold.Counters.Select(counter => counter.Key)];

    private async Task<Hold> HoldAsync(LimitPlan plan, Guid id, params long[] quantities) =>
        (await Store.ReserveAsync(plan, id, quantities)).ShouldBeOfType<ReserveDecision.Held>().Hold;

    [Fact]
    public async Task A_hold_is_all_or_none()
    {
        var plan = new LimitPlan(_org, [Some.Spend(_org, 1m), Some.Spend(_org, 0.5m, node: "team", code: "team")]);
        await HoldAsync(plan, Some.Id(), 400_000_000, 400_000_000);
        var refused = (await Store.ReserveAsync(plan, Some.Id(), [200_000_000, 200_000_000])).ShouldBeOfType<ReserveDecision.Refused>();
        refused.Binding.Limit.Code.ShouldBe("team");
        refused.Binding.Headroom.ShouldBe(100_000_000);
        (await Store.ReadCounterAsync(plan.Limits[0])).ShouldBe((0, 400_000_000));
        (await Store.ReadCounterAsync(plan.Limits[1])).ShouldBe((0, 400_000_000));
    }

    [Fact]
    public async Task A_reserve_that_is_sent_again_holds_once_and_answers_the_same()
    {
        var plan = new LimitPlan(_org, [Some.Spend(_org, 1m), Some.Rate(_org, 60)]);
        var id = Some.Id();
        var first = await HoldAsync(plan, id, 5, 1);
        var again = await HoldAsync(plan, id, 5, 1);
        again.At.ShouldBe(first.At);
        again.Counters.Select(c => (c.Key, c.Used, c.HeldBefore)).ShouldBe(first.Counters.Select(c => (c.Key, c.Used, c.HeldBefore)));
        (await Store.ReadCounterAsync(plan.Limits[0])).ShouldBe((0, 5));
    }

    [Fact]
    public async Task A_settle_replaces_the_hold_once()
    {
        var plan = new LimitPlan(_org, [Some.Spend(_org, 1m), Some.Rate(_org, 60)]);
        var hold = await HoldAsync(plan, Some.Id(), 1000, 1);
        for (var i = 0; i < 3; i++)
            (await Store.SettleAsync(_org, hold.RequestId, KeysOf(hold), [new ExactNanos(70, 0), new ExactNanos(1, 0)], "{}"u8.ToArray())).ShouldBe([70, 1]);
        (await Store.ReadCounterAsync(plan.Limits[0])).ShouldBe((70, 0));
        (await Store.ReadHoldAsync(_org, hold.RequestId))!.State.ShouldBe("settled");
        (await Store.ReleaseAsync(_org, hold.RequestId, KeysOf(hold))).ShouldBeFalse();
    }

    [Fact]
    public async Task Fractions_are_carried_so_that_parts_telescope()
    {
        var plan = new LimitPlan(_org, [Some.Spend(_org, 1m)]);
        var total = 0L;
        for (var i = 0; i < 40; i++)
        {
            var hold = await HoldAsync(plan, Some.Id(), 38);
            total += (await Store.SettleAsync(_org, hold.RequestId, KeysOf(hold), [ExactNanos.From(37.5m)], "{}"u8.ToArray()))![0];
        }
        total.ShouldBe(1500);   // 40 × 37.5, not 40 × 37 or 40 × 38
        (await Store.ReadCounterAsync(plan.Limits[0])).ShouldBe((1500, 0));
    }

    [Fact]
    public async Task A_release_gives_back_and_leaves_a_tombstone()
    {
        var plan = new LimitPlan(_org, [Some.Spend(_org, 1m), Some.Rate(_org, 60)]);
        var hold = await HoldAsync(plan, Some.Id(), 1000, 1);
        (await Store.ReleaseAsync(_org, hold.RequestId, KeysOf(hold))).ShouldBeTrue();
        (await Store.ReleaseAsync(_org, hold.RequestId, KeysOf(hold))).ShouldBeTrue();
        (await Store.ReadCounterAsync(plan.Limits[0])).ShouldBe((0, 0));
        (await Store.SettleAsync(_org, hold.RequestId, KeysOf(hold), [new ExactNanos(70, 0), new ExactNanos(1, 0)], default)).ShouldBeNull();
        await Should.ThrowAsync<RedisException>(() => Store.ReserveAsync(plan, hold.RequestId, [1000, 1]));
        (await Store.ReadCounterAsync(plan.Limits[0])).ShouldBe((0, 0));
    }

    [Fact]
    public async Task Unknown_ids_change_nothing()
    {
        var plan = new LimitPlan(_org, [Some.Spend(_org, 1m)]);
        var key = plan.Limits[0].CountersAt(TimeProvider.System.GetUtcNow().ToUnixTimeMilliseconds()).Current;
        (await Store.SettleAsync(_org, Some.Id(), [key], [new ExactNanos(70, 0)], default)).ShouldBeNull();
        (await Store.ReleaseAsync(_org, Some.Id(), [key])).ShouldBeTrue();
        (await Store.ReadCounterAsync(plan.Limits[0])).ShouldBe((0, 0));
    }

    [Fact]
    public async Task A_hold_touches_only_the_counters_it_was_made_on()
    {
        var plan = new LimitPlan(_org, [Some.Spend(_org, 1m)]);
        var hold = await HoldAsync(plan, Some.Id(), 100);
        var other = Some.Spend(_org, 1m, node: "other").CountersAt(hold.At.ToUnixTimeMilliseconds()).Current;
        await Should.ThrowAsync<RedisException>(() => Store.SettleAsync(_org, hold.RequestId, [other], [new ExactNanos(70, 0)], default));
        (await Store.ReadCounterAsync(plan.Limits[0])).ShouldBe((0, 100));
    }

    [Fact]
    public async Task A_hold_whose_deadline_passed_is_charged_and_then_replaced_by_the_truth()
    {
        var store = fixture.Store(deadline: TimeSpan.FromMilliseconds(1));
        var plan = new LimitPlan(_org, [Some.Spend(_org, 1m), Some.Rate(_org, 60)]);
        var hold = (await store.ReserveAsync(plan, Some.Id(), [1000, 1])).ShouldBeOfType<ReserveDecision.Held>().Hold;
        await Eventually.TrueAsync("it is reaped", async () => (await store.ReapAsync(_org, 100)).Contains(hold.RequestId));
        (await Store.ReadCounterAsync(plan.Limits[0])).ShouldBe((1000, 0));
        (await store.ReapAsync(_org, 100)).ShouldBeEmpty();
        (await Store.SettleAsync(_org, hold.RequestId, KeysOf(hold), [new ExactNanos(70, 0), new ExactNanos(1, 0)], default)).ShouldBe([70, 1]);
        (await Store.ReadCounterAsync(plan.Limits[0])).ShouldBe((70, 0));
    }

    [Fact]
    public async Task A_reaped_hold_can_still_be_given_back_by_its_owner()
    {
        var store = fixture.Store(deadline: TimeSpan.FromMilliseconds(1));
        var plan = new LimitPlan(_org, [Some.Spend(_org, 1m), Some.Rate(_org, 60)]);
        var hold = (await store.ReserveAsync(plan, Some.Id(), [1000, 1])).ShouldBeOfType<ReserveDecision.Held>().Hold;
        await Eventually.TrueAsync("it is reaped", async () => (await store.ReapAsync(_org, 100)).Contains(hold.RequestId));
        (await store.OpenHoldsAsync(_org, 10)).ShouldContain(hold.RequestId);
        (await store.ReleaseAsync(_org, hold.RequestId, KeysOf(hold))).ShouldBeTrue();
        (await store.ReadCounterAsync(plan.Limits[0])).ShouldBe((0, 0));
        (await store.OpenHoldsAsync(_org, 10)).ShouldBeEmpty();
    }

    [Fact]
    public async Task A_call_that_costs_nothing_is_held_settled_released_and_reaped_like_any_other()
    {
        var store = fixture.Store(deadline: TimeSpan.FromMilliseconds(1));
        var plan = new LimitPlan(_org, [Some.Spend(_org, 1m), Some.Rate(_org, 60)]);
        async Task<Hold> ReserveAsync() => (await store.ReserveAsync(plan, Some.Id(), [0, 1])).ShouldBeOfType<ReserveDecision.Held>().Hold;
        var settled = await ReserveAsync();
        (await store.SettleAsync(_org, settled.RequestId, KeysOf(settled), [default, new ExactNanos(1, 0)], default)).ShouldBe([0, 1]);
        var released = await ReserveAsync();
        (await store.ReleaseAsync(_org, released.RequestId, KeysOf(released))).ShouldBeTrue();
        var reaped = await ReserveAsync();
        await Eventually.TrueAsync("it is reaped", async () => (await store.ReapAsync(_org, 100)).Contains(reaped.RequestId));
        (await store.ReadCounterAsync(plan.Limits[0])).ShouldBe((0, 0));
    }

    [Fact]
    public async Task A_reaped_hold_is_held_again_only_if_it_fits()
    {
        var store = fixture.Store(deadline: TimeSpan.FromMilliseconds(1));
        var plan = new LimitPlan(_org, [Some.Spend(_org, 0.000_001m)]);   // 1000 nano-units
        var hold = (await store.ReserveAsync(plan, Some.Id(), [600])).ShouldBeOfType<ReserveDecision.Held>().Hold;
        await Eventually.TrueAsync("it is reaped", async () => (await store.ReapAsync(_org, 100)).Contains(hold.RequestId));
        (await Store.ExtendAsync(hold)).ShouldBeTrue();
        (await Store.ReadCounterAsync(plan.Limits[0])).ShouldBe((0, 600));
        (await Store.ReapAsync(_org, 100)).ShouldBeEmpty();   // its deadline is 60 s away now
    }

    [Fact]
    public async Task A_reserve_that_arrives_too_late_does_nothing()
    {
        // A gateway whose clock is an hour behind learns Redis's time from the refusal and asks anew, with the right horizon.
        var time = new FakeTimeProvider(TimeProvider.System.GetUtcNow().AddHours(-1));
        var plan = new LimitPlan(_org, [Some.Spend(_org, 1m)]);
        var hold = (await fixture.Store(new GatewayClock(time)).ReserveAsync(plan, Some.Id(), [5])).ShouldBeOfType<ReserveDecision.Held>().Hold;
        (TimeProvider.System.GetUtcNow() - hold.At).Duration().ShouldBeLessThan(TimeSpan.FromMinutes(1));
        (await Store.ReadCounterAsync(plan.Limits[0])).ShouldBe((0, 5));
    }

    [Fact]
    public async Task The_time_of_the_reserve_chooses_the_month_for_good()
    {
        var clock = new GatewayClock(TimeProvider.System);
        var now = TimeProvider.System.GetUtcNow();
        var monthEnd = new DateTimeOffset(now.Year, now.Month, 1, 0, 0, 0, TimeSpan.Zero).AddMonths(3);
        clock.Shift((long)(monthEnd - now).TotalMilliseconds - 30_000);   // half a minute before the end of a month
        var store = fixture.Store(clock);
        var limit = Some.Spend(_org, 1m);
        var hold = (await store.ReserveAsync(new LimitPlan(_org, [limit]), Some.Id(), [5])).ShouldBeOfType<ReserveDecision.Held>().Hold;
        hold.At.ShouldBeLessThan(monthEnd);

        clock.Shift((long)(monthEnd - now).TotalMilliseconds + 30_000);   // the next month: settles where it was held
        await store.SettleAsync(_org, hold.RequestId, KeysOf(hold), [new ExactNanos(3, 0)], default);
        (await store.ReadCounterAsync(limit)).ShouldBe((0, 0));
        clock.Shift((long)(monthEnd - now).TotalMilliseconds - 60_000);
        (await store.ReadCounterAsync(limit)).ShouldBe((3, 0));
    }

    [Fact]
    public async Task A_gateway_just_before_the_month_turns_lets_the_script_choose_the_next()
    {
        // The gateway thinks it is 10 s before the turn, Redis is past it: the second of the two windows is chosen.
        var clock = new GatewayClock(new FakeTimeProvider(TimeProvider.System.GetUtcNow().AddSeconds(-3)));
        var now = TimeProvider.System.GetUtcNow();
        var monthEnd = new DateTimeOffset(now.Year, now.Month, 1, 0, 0, 0, TimeSpan.Zero).AddMonths(3);
        clock.Shift((long)(monthEnd - now).TotalMilliseconds + 1_000);
        var limit = Some.Spend(_org, 1m);
        var hold = (await fixture.Store(clock).ReserveAsync(new LimitPlan(_org, [limit]), Some.Id(), [5])).ShouldBeOfType<ReserveDecision.Held>().Hold;
        hold.At.ShouldBeGreaterThanOrEqualTo(monthEnd);
        hold.Counters[0].Key.ShouldBe(limit.CountersAt(monthEnd.ToUnixTimeMilliseconds()).Current);
    }

    [Fact]
    public async Task A_rate_admits_its_burst_and_no_more()
    {
        var plan = new LimitPlan(_org, [Some.Rate(_org, 5, every: "hour")]);
        for (var i = 0; i < 5; i++)
        {
            var hold = await HoldAsync(plan, Some.Id(), 1);
            await Store.SettleAsync(_org, hold.RequestId, KeysOf(hold), [new ExactNanos(1, 0)], default);
        }
        var refused = (await Store.ReserveAsync(plan, Some.Id(), [1])).ShouldBeOfType<ReserveDecision.Refused>();
        var wait = DateTimeOffset.FromUnixTimeMilliseconds(refused.Binding.ResetsAtMs) - refused.At;
        wait.ShouldBeInRange(TimeSpan.FromMinutes(11.9), TimeSpan.FromMinutes(12));   // one of five drains in a fifth of the hour
    }

    [Fact]
    public async Task A_rate_drains_with_time_and_holds_do_not_drain()
    {
        var clock = new GatewayClock(TimeProvider.System);
        clock.Shift(0);
        var store = fixture.Store(clock);
        var plan = new LimitPlan(_org, [Some.Rate(_org, 10, every: "hour")]);
        var stays = (await store.ReserveAsync(plan, Some.Id(), [1])).ShouldBeOfType<ReserveDecision.Held>().Hold;
        for (var i = 0; i < 9; i++)
        {
            var hold = (await store.ReserveAsync(plan, Some.Id(), [1])).ShouldBeOfType<ReserveDecision.Held>().Hold;
            await store.SettleAsync(_org, hold.RequestId, KeysOf(hold), [new ExactNanos(1, 0)], default);
        }
        (await store.ReserveAsync(plan, Some.Id(), [1])).ShouldBeOfType<ReserveDecision.Refused>();
        clock.Shift((long)TimeSpan.FromMinutes(18.5).TotalMilliseconds);   // three drained, and half of the fourth
        for (var i = 0; i < 3; i++)
            (await store.ReserveAsync(plan, Some.Id(), [1])).ShouldBeOfType<ReserveDecision.Held>();
        (await store.ReserveAsync(plan, Some.Id(), [1])).ShouldBeOfType<ReserveDecision.Refused>();
        clock.Shift((long)TimeSpan.FromHours(50).TotalMilliseconds);
        (await store.ReserveAsync(plan, Some.Id(), [1])).ShouldBeOfType<ReserveDecision.Held>().Hold.Counters[0].HeldBefore.ShouldBe(4);   // the first and the three
        await store.ReleaseAsync(_org, stays.RequestId, KeysOf(stays));
    }

    [Fact]
    public async Task Under_contention_nothing_is_overspent_and_nothing_leaks()
    {
        var limits = new[] { Some.Spend(_org, 0.000_01m), Some.Spend(_org, 0.000_008m, node: "team", code: "team"), Some.Rate(_org, 1_000_000, every: "hour") };   // 10,000 and 8,000 nano-units
        var plan = new LimitPlan(_org, limits);
        long settled = 0, refused = 0;
        await Parallel.ForAsync(0, 600, new ParallelOptions { MaxDegreeOfParallelism = 64 }, async (i, _) =>
        {
            var random = new Random(i);
            var quantity = random.Next(10, 200);
            switch (await Store.ReserveAsync(plan, Some.Id(), [quantity, quantity, 1]))
            {
                case ReserveDecision.Held { Hold: var hold }:
                    hold.Counters[1].Used.ShouldBeLessThanOrEqualTo(8_000 - hold.Counters[1].HeldBefore - quantity);
                    if (random.Next(4) == 0)
                        await Store.ReleaseAsync(_org, hold.RequestId, KeysOf(hold));
                    else
                    {
                        var used = random.Next(0, quantity + 1);
                        await Store.SettleAsync(_org, hold.RequestId, KeysOf(hold), [new ExactNanos(used, 0), new ExactNanos(used, 0), new ExactNanos(1, 0)], default);
                        Interlocked.Add(ref settled, used);
                    }
                    break;
                case ReserveDecision.Refused { Binding: var binding }:
                    binding.Limit.Code.ShouldBe("team");
                    Interlocked.Increment(ref refused);
                    break;
            }
        });
        refused.ShouldBeGreaterThan(0);
        settled.ShouldBeLessThanOrEqualTo(8_000);
        (await Store.ReadCounterAsync(limits[0])).ShouldBe((settled, 0));
        (await Store.ReadCounterAsync(limits[1])).ShouldBe((settled, 0));
        (await Store.OpenHoldsAsync(_org, 10)).ShouldBeEmpty();
    }
}
