using Microsoft.Extensions.Time.Testing;
using Quota.Gateway.Limits;
using Quota.Gateway.Limits.Store;
using Quota.Shared.Amounts;
using Quota.Shared.ControlPlane;
using Quota.TestKit;
using StackExchange.Redis;

namespace Quota.Gateway.Tests.Limits;

/// <summary>The scripts on Redis 7.</summary>
public sealed class RedisQuotaStoreTests(RedisFixture redis) : QuotaStoreContract(redis), IClassFixture<RedisFixture>;

/// <summary>The scripts on a Redis Cluster of three.</summary>
public sealed class ClusterQuotaStoreTests(ClusterFixture cluster) : QuotaStoreContract(cluster), IClassFixture<ClusterFixture>;

/// <summary>The scripts on Garnet.</summary>
public sealed class GarnetQuotaStoreTests(GarnetFixture garnet) : QuotaStoreContract(garnet), IClassFixture<GarnetFixture>;

/// <summary>What holds must do on every store: the states and arrows of a hold, the time rule, contention.</summary>
public abstract class QuotaStoreContract(StoreFixture fixture)
{
    private readonly string _org = Some.Org();

    private QuotaStore Store => fixture.Store();

    private static string[] IdsOf(Hold hold) => [.. hold.Counters.Select(counter => counter.Id)];

    private Task<StoreReserve> ReserveAsync(QuotaStore store, IReadOnlyList<LimitCounter> counters, Guid id, params long[] quantities) =>
        store.ReserveAsync(_org, counters, id, [.. quantities.Select(quantity => new WorstCase(quantity, 0))], 1, 1, 1);

    private async Task<Hold> HoldAsync(QuotaStore store, IReadOnlyList<LimitCounter> counters, Guid id, params long[] quantities)
    {
        var reply = await ReserveAsync(store, counters, id, quantities);
        reply.Outcome.ShouldBe(StoreOutcome.Held);
        return new Hold(id, _org, reply.At, reply.Counters);
    }

    private Task<Hold> HoldAsync(IReadOnlyList<LimitCounter> counters, Guid id, params long[] quantities) => HoldAsync(Store, counters, id, quantities);

    private async Task<(long Used, long Held)> StandingAsync(LimitCounter counter, QuotaStore? store = null)
    {
        var stored = await (store ?? Store).ReadCounterAsync(counter);
        return (stored.Used, stored.Held);
    }

    private Task<bool> ExtendAsync(Hold hold) => ExtendAsync(hold, [.. hold.Counters.Select(counter => counter.Quantity)]);

    private async Task<bool> ExtendAsync(Hold hold, params long[] quantities) => await Store.ExtendAsync(hold, quantities) == ExtendOutcome.Held;

    private Task<IReadOnlyList<long>?> SettleAsync(Hold hold, params long[] used) => SettleAsync(Store, hold, used);

    private Task<IReadOnlyList<long>?> SettleAsync(QuotaStore store, Hold hold, params long[] used) =>
        store.SettleAsync(_org, hold.RequestId, IdsOf(hold), [.. used.Select(units => new ExactNanos(units, 0))], "{}"u8.ToArray());

    private static async Task<Hold> ReapedAsync(QuotaStore store, string org, Task<Hold> holding)
    {
        var hold = await holding;
        await Eventually.TrueAsync("it is reaped", async () => (await store.ReapAsync(org, 100)).Contains(hold.RequestId));
        return hold;
    }

    private QuotaStore ShortLived() => fixture.Store(deadline: TimeSpan.FromMilliseconds(1));

    [Fact]
    public async Task A_hold_is_all_or_none()
    {
        LimitCounter[] plan = [Some.Spend(_org, 1m), Some.Spend(_org, 0.5m, node: "team", code: "team")];
        await HoldAsync(plan, Some.Id(), 400_000_000, 400_000_000);
        var refused = await ReserveAsync(Store, plan, Some.Id(), 200_000_000, 200_000_000);
        refused.Outcome.ShouldBe(StoreOutcome.Refused);
        refused.Counters.Select(counter => counter.Fits(counter.Counter.Speaker)).ShouldBe([true, false]);
        refused.Counters[1].Headroom.ShouldBe(100_000_000);
        (await StandingAsync(plan[0])).ShouldBe((0, 400_000_000));
        (await StandingAsync(plan[1])).ShouldBe((0, 400_000_000));
    }

    [Fact]
    public async Task Forty_limits_on_one_request_are_one_call_each()
    {
        LimitCounter[] plan = [.. Enumerable.Range(0, 40).Select(i => i % 4 == 3 ? Some.Rate(_org, 1000 + i, code: $"r{i}") : Some.Spend(_org, 1m + i, node: $"n{i}", code: $"s{i}"))];
        long[] ones = [.. Enumerable.Repeat(10L, 40)];
        var hold = await HoldAsync(plan, Some.Id(), ones);
        (await SettleAsync(hold, ones))!.Count.ShouldBe(40);
        foreach (var counter in plan)
            (await StandingAsync(counter)).Held.ShouldBe(0);
        (await StandingAsync(plan[0])).Used.ShouldBe(10);
    }

    [Fact]
    public async Task A_reserve_that_is_sent_again_holds_once_and_answers_the_same()
    {
        LimitCounter[] plan = [Some.Spend(_org, 1m), Some.Rate(_org, 60)];
        var id = Some.Id();
        var first = await HoldAsync(plan, id, 5, 1);
        var again = await HoldAsync(plan, id, 5, 1);
        again.At.ShouldBe(first.At);
        again.Counters.Select(c => (c.Id, c.Used, c.HeldBefore)).ShouldBe(first.Counters.Select(c => (c.Id, c.Used, c.HeldBefore)));
        (await StandingAsync(plan[0])).ShouldBe((0, 5));
    }

    [Fact]
    public async Task A_settle_replaces_the_hold_once()
    {
        LimitCounter[] plan = [Some.Spend(_org, 1m), Some.Rate(_org, 60)];
        var hold = await HoldAsync(plan, Some.Id(), 1000, 1);
        for (var i = 0; i < 3; i++)
            (await SettleAsync(hold, 70, 1)).ShouldBe([70, 1]);
        (await StandingAsync(plan[0])).ShouldBe((70, 0));
        (await Store.ReadHoldAsync(_org, hold.RequestId))!.State.ShouldBe("settled");
        (await Store.ReleaseAsync(_org, hold.RequestId, IdsOf(hold))).ShouldBeFalse();
    }

    [Fact]
    public async Task Fractions_are_carried_so_that_parts_telescope()
    {
        LimitCounter[] plan = [Some.Spend(_org, 1m)];
        var total = 0L;
        for (var i = 0; i < 40; i++)
        {
            var hold = await HoldAsync(plan, Some.Id(), 38);
            total += (await Store.SettleAsync(_org, hold.RequestId, IdsOf(hold), [ExactNanos.From(37.5m)], "{}"u8.ToArray()))![0];
        }
        total.ShouldBe(1500);   // 40 × 37.5, not 40 × 37 or 40 × 38
        (await StandingAsync(plan[0])).ShouldBe((1500, 0));
    }

    [Fact]
    public async Task A12_numbers_just_below_the_ceiling_come_back_to_the_unit()
    {
        const long Most = NanoUnits.Ceiling - 1;
        LimitCounter[] plan = [Some.Counter(_org, new LimitTerms { Meter = Meters.TotalTokens, Amount = Most, Window = new LimitWindow { Kind = "lifetime" } })];
        var hold = await HoldAsync(plan, Some.Id(), Most - 2);
        (await ReserveAsync(Store, plan, Some.Id(), 3)).Outcome.ShouldBe(StoreOutcome.Refused);
        await HoldAsync(plan, Some.Id(), 2);
        (await SettleAsync(hold, Most - 3)).ShouldBe([Most - 3]);
        (await StandingAsync(plan[0])).ShouldBe((Most - 3, 2));
    }

    [Fact]
    public async Task A_release_gives_back_and_leaves_a_tombstone()
    {
        LimitCounter[] plan = [Some.Spend(_org, 1m), Some.Rate(_org, 60)];
        var hold = await HoldAsync(plan, Some.Id(), 1000, 1);
        (await Store.ReleaseAsync(_org, hold.RequestId, IdsOf(hold))).ShouldBeTrue();
        (await Store.ReleaseAsync(_org, hold.RequestId, IdsOf(hold))).ShouldBeTrue();
        (await StandingAsync(plan[0])).ShouldBe((0, 0));
        (await SettleAsync(hold, 70, 1)).ShouldBeNull();
        await Should.ThrowAsync<RedisException>(() => ReserveAsync(Store, plan, hold.RequestId, 1000, 1));   // A2b: it may arrive after its release
        (await StandingAsync(plan[0])).ShouldBe((0, 0));
    }

    [Fact]
    public async Task A2_unknown_ids_change_nothing()
    {
        LimitCounter[] plan = [Some.Spend(_org, 1m)];
        var id = plan[0].WindowsAt(Store.NowMs).Current;
        (await Store.SettleAsync(_org, Some.Id(), [id], [new ExactNanos(70, 0)], default)).ShouldBeNull();
        (await Store.ReleaseAsync(_org, Some.Id(), [id])).ShouldBeTrue();
        (await StandingAsync(plan[0])).ShouldBe((0, 0));
    }

    [Fact]
    public async Task A2_a_hold_touches_only_the_counters_it_was_made_on()
    {
        LimitCounter[] plan = [Some.Spend(_org, 1m)];
        var hold = await HoldAsync(plan, Some.Id(), 100);
        var other = Some.Spend(_org, 1m, node: "other").WindowsAt(hold.At.ToUnixTimeMilliseconds()).Current;
        await Should.ThrowAsync<RedisException>(() => Store.SettleAsync(_org, hold.RequestId, [other], [new ExactNanos(70, 0)], default));
        (await StandingAsync(plan[0])).ShouldBe((0, 100));
    }

    [Fact]
    public async Task A_hold_whose_deadline_passed_is_charged_and_then_replaced_by_the_truth()
    {
        var store = ShortLived();
        LimitCounter[] plan = [Some.Spend(_org, 1m), Some.Rate(_org, 60)];
        var hold = await ReapedAsync(store, _org, HoldAsync(store, plan, Some.Id(), 1000, 1));
        (await StandingAsync(plan[0])).ShouldBe((1000, 0));
        (await store.ReapAsync(_org, 100)).ShouldBeEmpty();
        (await SettleAsync(hold, 70, 1)).ShouldBe([70, 1]);
        (await SettleAsync(hold, 70, 1)).ShouldBe([70, 1]);
        (await StandingAsync(plan[0])).ShouldBe((70, 0));
    }

    [Fact]
    public async Task A_reaped_hold_can_still_be_given_back_by_its_owner()
    {
        var store = ShortLived();
        LimitCounter[] plan = [Some.Spend(_org, 1m), Some.Rate(_org, 60)];
        var hold = await ReapedAsync(store, _org, HoldAsync(store, plan, Some.Id(), 1000, 1));
        (await store.OpenHoldsAsync(_org, 10)).ShouldContain(hold.RequestId);
        (await store.ReleaseAsync(_org, hold.RequestId, IdsOf(hold))).ShouldBeTrue();
        (await StandingAsync(plan[0])).ShouldBe((0, 0));
        (await store.OpenHoldsAsync(_org, 10)).ShouldBeEmpty();
    }

    [Fact]
    public async Task A_call_that_costs_nothing_is_held_settled_released_and_reaped_like_any_other()
    {
        var store = ShortLived();
        LimitCounter[] plan = [Some.Spend(_org, 1m), Some.Rate(_org, 60)];
        (await SettleAsync(store, await HoldAsync(store, plan, Some.Id(), 0, 1), 0, 1)).ShouldBe([0, 1]);
        var released = await HoldAsync(store, plan, Some.Id(), 0, 1);
        (await store.ReleaseAsync(_org, released.RequestId, IdsOf(released))).ShouldBeTrue();
        await ReapedAsync(store, _org, HoldAsync(store, plan, Some.Id(), 0, 1));
        (await StandingAsync(plan[0])).ShouldBe((0, 0));
    }

    [Fact]
    public async Task A_reaped_hold_is_held_again_only_if_it_fits()
    {
        var store = ShortLived();
        LimitCounter[] plan = [Some.Spend(_org, 0.000_001m)];   // 1000 nano-units
        var hold = await ReapedAsync(store, _org, HoldAsync(store, plan, Some.Id(), 600));
        (await ExtendAsync(hold)).ShouldBeTrue();
        (await StandingAsync(plan[0])).ShouldBe((0, 600));
        (await Store.ReapAsync(_org, 100)).ShouldBeEmpty();   // its deadline is 60 s away now
    }

    [Fact]
    public async Task A3b_an_extension_that_does_not_fit_leaves_the_hold_and_renews_its_deadline()
    {
        LimitCounter[] plan = [Some.Tokens(_org, 1000), Some.AtOnce(_org, 5)];
        var store = fixture.Store(deadline: TimeSpan.FromMilliseconds(300));
        var hold = await HoldAsync(store, plan, Some.Id(), 400, 1);
        await HoldAsync(Store, plan, Some.Id(), 500, 1);
        (await Store.ExtendAsync(hold, [501, 1])).ShouldBe(ExtendOutcome.Full);
        (await StandingAsync(plan[0])).ShouldBe((0, 900));
        (await Store.ReapAsync(_org, 100)).ShouldNotContain(hold.RequestId);
        (await Store.ExtendAsync(hold, [500, 1])).ShouldBe(ExtendOutcome.Held);
        (await StandingAsync(plan[0])).ShouldBe((0, 1000));
        (await StandingAsync(plan[1])).Held.ShouldBe(2);
        (await SettleAsync(hold, 430, 0)).ShouldBe([430, 0]);
        (await StandingAsync(plan[0])).ShouldBe((430, 500));
    }

    [Fact]
    public async Task A3b_totals_are_absolute_and_an_older_extension_changes_nothing()
    {
        LimitCounter[] plan = [Some.Tokens(_org, 1000)];
        var hold = await HoldAsync(plan, Some.Id(), 100);
        var older = new Hold(hold.RequestId, _org, hold.At, hold.Counters);   // its numbers begin anew at 1
        hold.NextSequence();
        hold.NextSequence();
        (await Store.ExtendAsync(hold, [300])).ShouldBe(ExtendOutcome.Held);
        (await Store.ExtendAsync(hold, [300])).ShouldBe(ExtendOutcome.Held);
        (await Store.ExtendAsync(older, [700])).ShouldBe(ExtendOutcome.Full);
        (await StandingAsync(plan[0])).ShouldBe((0, 300));
    }

    [Fact]
    public async Task A_reserve_that_arrives_too_late_does_nothing()
    {
        // A gateway whose clock is an hour behind learns Redis's time from the refusal and asks anew, with the right horizon.
        var time = new FakeTimeProvider(TimeProvider.System.GetUtcNow().AddHours(-1));
        LimitCounter[] plan = [Some.Spend(_org, 1m)];
        var hold = await HoldAsync(fixture.Store(new GatewayClock(time)), plan, Some.Id(), 5);
        (TimeProvider.System.GetUtcNow() - hold.At).Duration().ShouldBeLessThan(TimeSpan.FromMinutes(1));
        (await StandingAsync(plan[0])).ShouldBe((0, 5));
    }

    [Fact]
    public async Task A4_a_hold_of_november_settles_in_november()
    {
        var clock = new GatewayClock(TimeProvider.System);
        var now = TimeProvider.System.GetUtcNow();
        var monthEnd = new DateTimeOffset(now.Year, now.Month, 1, 0, 0, 0, TimeSpan.Zero).AddMonths(3);
        clock.Shift((long)(monthEnd - now).TotalMilliseconds - 30_000);   // half a minute before the end of a month
        var store = fixture.Store(clock);
        var limit = Some.Spend(_org, 1m);
        var hold = await HoldAsync(store, [limit], Some.Id(), 5);
        hold.At.ShouldBeLessThan(monthEnd);

        clock.Shift((long)(monthEnd - now).TotalMilliseconds + 30_000);   // the next month: settles where it was held
        await SettleAsync(store, hold, 3);
        (await StandingAsync(limit, store)).ShouldBe((0, 0));
        clock.Shift((long)(monthEnd - now).TotalMilliseconds - 60_000);
        (await StandingAsync(limit, store)).ShouldBe((3, 0));
    }

    [Fact]
    public async Task A4_a_gateway_just_before_the_month_turns_lets_the_script_choose_the_next()
    {
        // The gateway thinks it is before the turn, Redis is past it: the second of the two windows is chosen.
        var clock = new GatewayClock(new FakeTimeProvider(TimeProvider.System.GetUtcNow().AddSeconds(-3)));
        var now = TimeProvider.System.GetUtcNow();
        var monthEnd = new DateTimeOffset(now.Year, now.Month, 1, 0, 0, 0, TimeSpan.Zero).AddMonths(3);
        clock.Shift((long)(monthEnd - now).TotalMilliseconds + 1_000);
        var limit = Some.Spend(_org, 1m);
        var hold = await HoldAsync(fixture.Store(clock), [limit], Some.Id(), 5);
        hold.At.ShouldBeGreaterThanOrEqualTo(monthEnd);
        hold.Counters[0].Id.ShouldBe(limit.WindowsAt(monthEnd.ToUnixTimeMilliseconds()).Current);
    }

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

    [Fact]
    public async Task A6_only_what_runs_counts_at_once_and_a_reap_frees_without_charging()
    {
        var store = ShortLived();
        LimitCounter[] plan = [Some.AtOnce(_org, 1)];
        var first = await HoldAsync(plan, Some.Id(), 1);
        (await ReserveAsync(Store, plan, Some.Id(), 1)).Outcome.ShouldBe(StoreOutcome.Refused);
        await SettleAsync(first, 0);
        await ReapedAsync(store, _org, HoldAsync(store, plan, Some.Id(), 1));
        (await StandingAsync(plan[0])).ShouldBe((0, 0));
        await HoldAsync(plan, Some.Id(), 1);
    }

    [Fact]
    public async Task A6_a_reaped_request_takes_its_place_again_only_while_it_is_free()
    {
        var store = ShortLived();
        LimitCounter[] plan = [Some.AtOnce(_org, 1)];
        var hold = await ReapedAsync(store, _org, HoldAsync(store, plan, Some.Id(), 1));
        var other = await HoldAsync(plan, Some.Id(), 1);
        (await Store.ExtendAsync(hold, [1])).ShouldBe(ExtendOutcome.Reaped);
        await SettleAsync(other, 0);
        (await Store.ExtendAsync(hold, [1])).ShouldBe(ExtendOutcome.Held);
        (await StandingAsync(plan[0])).Held.ShouldBe(1);
    }

    [Theory]
    [InlineData(100, 900, 900)]      // room for all that is wanted
    [InlineData(100, 5000, 900)]     // clamped to what is left
    public async Task A3_an_answer_without_a_bound_is_clamped_to_what_is_left(long input, long most, long expected)
    {
        LimitCounter[] plan = [Some.Tokens(_org, 2000), Some.Spend(_org, 1m)];
        await HoldAsync(plan, Some.Id(), 1000, 0);
        var reply = await Store.ReserveAsync(_org, plan, Some.Id(), [new WorstCase(input, 1), new WorstCase(input * 150, 600)], 16, most, 1);
        reply.Outcome.ShouldBe(StoreOutcome.Held);
        reply.Output.ShouldBe(expected);
        reply.Counters.Select(counter => counter.Quantity).ShouldBe([input + expected, input * 150 + expected * 600]);
    }

    [Fact]
    public async Task A3_a_clamp_below_the_least_is_a_refusal_and_takes_nothing()
    {
        LimitCounter[] plan = [Some.Tokens(_org, 2000)];
        await HoldAsync(plan, Some.Id(), 1890);
        (await Store.ReserveAsync(_org, plan, Some.Id(), [new WorstCase(100, 1)], 16, 5000, 1)).Outcome.ShouldBe(StoreOutcome.Refused);
        (await StandingAsync(plan[0])).ShouldBe((0, 1890));
    }

    [Fact]
    public async Task A3_the_clamp_is_the_largest_that_fits_for_any_price()
    {
        await Parallel.ForAsync(0, 200, new ParallelOptions { MaxDegreeOfParallelism = 8 }, async (i, _) =>
        {
            var random = new Random(i);
            var (perToken, fixedPart, room) = ((decimal)random.NextInt64(1, 50_000_000_000) / 1_000_000_000m, (decimal)random.NextInt64(0, 5_000_000_000) / 1_000_000m, random.NextInt64(5_000, 100_000_000));
            var choices = random.Next(1, 5);
            var counter = Some.Spend(_org, room / 1_000_000_000m, node: $"n{i}");
            var reply = await Store.ReserveAsync(_org, [counter], Some.Id(), [new WorstCase(fixedPart, perToken)], 0, 100_000, choices);
            var largest = Math.Min(100_000, (long)decimal.Floor((room - fixedPart) / (perToken * choices)));
            reply.Outcome.ShouldBe(StoreOutcome.Held);
            reply.Output.ShouldBe(largest);
            reply.Counters[0].Quantity.ShouldBe((long)decimal.Ceiling(fixedPart + largest * perToken * choices));
        });
    }

    [Fact]
    public async Task A1_what_the_provider_billed_beyond_the_hold_is_listed_as_over()
    {
        LimitCounter[] plan = [Some.Spend(_org, 1m), Some.Spend(_org, 1m, node: "soft", mode: "soft")];
        var hold = await HoldAsync(plan, Some.Id(), 100, 100);
        await SettleAsync(hold, 130, 130);
        (await Store.ReadCounterAsync(plan[0])).ShouldSatisfyAllConditions(counter => counter.Used.ShouldBe(130), counter => counter.Over.ShouldBe(30));
        (await Store.ReadCounterAsync(plan[1])).Over.ShouldBe(0);   // a soft limit promises nothing
        var facts = await Store.FactsAsync(_org, 10);
        facts.Single().ToString().ShouldEndWith($" {hold.RequestId:N} 30");
    }

    [Fact]
    public async Task A_soft_limit_never_refuses_and_shares_the_counter_of_a_hard_one()
    {
        LimitTerms Terms(decimal amount, string mode) => new() { Meter = Meters.TotalTokens, Amount = amount, Mode = mode, Window = new LimitWindow { Kind = "month" } };
        LimitCounter[] plan = [Some.Counter(_org, "node", null, ("soft", Terms(100, "soft")), ("hard", Terms(200, "hard")), ("shadow", Terms(50, "shadow")))];
        await HoldAsync(plan, Some.Id(), 90);
        var passes = await HoldAsync(plan, Some.Id(), 90);
        plan[0].Limits.Select(limit => passes.Counters[0].Fits(limit)).ShouldBe([false, true, false]);
        (await ReserveAsync(Store, plan, Some.Id(), 90)).Outcome.ShouldBe(StoreOutcome.Refused);
    }

    [Fact]
    public async Task A7_amount_and_mode_change_at_once_and_usage_stays()
    {
        var hold = await HoldAsync([Some.Tokens(_org, 1000)], Some.Id(), 800);
        await SettleAsync(hold, 700);
        var lower = Some.Tokens(_org, 750, code: "another code");
        (await ReserveAsync(Store, [lower], Some.Id(), 51)).Outcome.ShouldBe(StoreOutcome.Refused);
        (await StandingAsync(lower)).Used.ShouldBe(700);
        await HoldAsync([Some.Tokens(_org, 5000)], Some.Id(), 4300);
    }

    [Fact]
    public async Task A7_a_window_that_began_before_the_limit_is_unseeded_until_its_seed_is_there()
    {
        var since = DateTimeOffset.FromUnixTimeMilliseconds(Store.NowMs);
        var counter = Some.Counter(_org, new LimitTerms { Meter = Meters.TotalTokens, Amount = 1000, Window = new LimitWindow { Kind = "year" } }, since: since);
        var (id, ends) = (counter.WindowsAt(Store.NowMs).Current, counter.WindowsAt(Store.NowMs).Middle);
        (await ReserveAsync(Store, [counter], Some.Id(), 1)).Outcome.ShouldBe(StoreOutcome.Unseeded);
        (await Store.SeedAsync(_org, id, 900, 5, ends)).ShouldBeTrue();
        (await Store.SeedAsync(_org, id, 100, 5, ends)).ShouldBeFalse();
        (await Store.SeedAsync(_org, id, 100, 4, ends)).ShouldBeFalse();
        (await ReserveAsync(Store, [counter], Some.Id(), 101)).Outcome.ShouldBe(StoreOutcome.Refused);
        var hold = await HoldAsync([counter], Some.Id(), 100);
        (await Store.SeedAsync(_org, id, 950, 6, ends)).ShouldBeTrue();   // late events: over the line, but never a hold
        await SettleAsync(hold, 60);
        (await StandingAsync(counter)).ShouldBe((1010, 0));
    }

    [Fact]
    public async Task A11_each_threshold_is_told_once_however_often_it_is_crossed()
    {
        LimitCounter[] plan = [Some.Spend(_org, 0.000_001m, thresholds: [0.5m, 0.8m, 1m])];   // 1000 nano-units
        await Parallel.ForAsync(0, 40, async (_, _) =>
        {
            var hold = await HoldAsync(plan, Some.Id(), 25);
            await SettleAsync(hold, 25);
        });
        var facts = (await Store.FactsAsync(_org, 100)).Select(fact => fact.ToString()).ToArray();
        facts.Select(fact => fact.Split(' ')[5]).Order().ShouldBe(["1000", "500", "800"]);
        await Store.ForgetFactsAsync(_org, [.. facts.Select(fact => (RedisValue)fact)]);
        (await ReserveAsync(Store, plan, Some.Id(), 1)).Outcome.ShouldBe(StoreOutcome.Refused);
        (await Store.FactsAsync(_org, 100)).ShouldBeEmpty();
    }

    [Fact]
    public async Task A_call_admitted_without_the_store_is_charged_once_and_all_of_it_is_over()
    {
        var counter = Some.Spend(_org, 1m);
        var windows = counter.WindowsAt(Store.NowMs);
        var id = Some.Id();
        ChargedCounter[] charged = [new(windows.Current, counter.KindText(windows.Start), windows.Middle, new ExactNanos(70, 500_000_000))];
        for (var i = 0; i < 3; i++)
            (await Store.ChargeAsync(_org, id, charged, "{}"u8.ToArray())).ShouldBe([70]);
        (await Store.ReadCounterAsync(counter)).ShouldSatisfyAllConditions(it => it.Used.ShouldBe(70), it => it.Over.ShouldBe(71));

        // The reserve that got no answer had made a hold after all: first that goes, then the charge comes.
        var hold = await HoldAsync([counter], Some.Id(), 500);
        await Should.ThrowAsync<RedisException>(() => Store.ChargeAsync(_org, hold.RequestId, charged, default));
        await Store.ReleaseAsync(_org, hold.RequestId, IdsOf(hold));
        (await Store.ChargeAsync(_org, hold.RequestId, charged, default)).ShouldBe([71]);   // the two halves make one
        (await StandingAsync(counter)).ShouldBe((141, 0));
    }

    [Fact]
    public async Task Under_contention_nothing_is_overspent_and_nothing_leaks()
    {
        LimitCounter[] plan = [Some.Spend(_org, 0.000_01m), Some.Spend(_org, 0.000_008m, node: "team", code: "team"), Some.Rate(_org, 1_000_000, every: "hour")];   // 10,000 and 8,000 nano-units
        QuotaStore[] gateways = [fixture.Store(instance: "a"), fixture.Store(instance: "b"), fixture.Store(instance: "c")];
        long settled = 0, refused = 0;
        await Parallel.ForAsync(0, 900, new ParallelOptions { MaxDegreeOfParallelism = 96 }, async (i, _) =>
        {
            var (random, store) = (new Random(i), gateways[i % 3]);
            var quantity = random.Next(10, 200);
            var id = Some.Id();
            var reply = await ReserveAsync(store, plan, id, quantity, quantity, 1);
            if (reply.Outcome == StoreOutcome.Refused)
            {
                reply.Counters[1].Fits(plan[1].Speaker).ShouldBeFalse();
                Interlocked.Increment(ref refused);
                return;
            }
            var hold = new Hold(id, _org, reply.At, reply.Counters);
            hold.Counters[1].Used.ShouldBeLessThanOrEqualTo(8_000 - hold.Counters[1].HeldBefore - quantity);
            if (random.Next(4) == 0)
                await store.ReleaseAsync(_org, hold.RequestId, IdsOf(hold));
            else
            {
                var used = random.Next(0, quantity + 1);
                await SettleAsync(store, hold, used, used, 1);
                Interlocked.Add(ref settled, used);
            }
        });
        refused.ShouldBeGreaterThan(0);
        settled.ShouldBeLessThanOrEqualTo(8_000);
        (await StandingAsync(plan[0])).ShouldBe((settled, 0));
        (await StandingAsync(plan[1])).ShouldBe((settled, 0));
        (await Store.OpenHoldsAsync(_org, 10)).ShouldBeEmpty();
    }
}
