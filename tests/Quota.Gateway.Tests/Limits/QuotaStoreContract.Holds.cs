using Quota.Gateway.Limits;
using Quota.Gateway.Limits.Store;
using Quota.Shared.Amounts;
using Quota.Shared.ControlPlane;
using StackExchange.Redis;

namespace Quota.Gateway.Tests.Limits;

/// <summary>A hold is made, settled or released, once.</summary>
public abstract partial class QuotaStoreContract
{
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
}
