using Quota.Gateway.Limits;
using Quota.Gateway.Limits.Store;
using Quota.Shared.Amounts;

namespace Quota.Gateway.Tests.Limits;

/// <summary>What runs at once, and many at once.</summary>
public abstract partial class QuotaStoreContract
{
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

    [Fact]
    public async Task An_end_that_waits_for_company_is_done_before_the_next_reserve()
    {
        var store = Store;
        LimitCounter[] plan = [Some.AtOnce(_org, 1)];
        for (var i = 0; i < 50; i++)
        {
            var hold = await HoldAsync(store, plan, Some.Id(), 1);
            var end = store.SettleAsync(_org, hold.RequestId, hold.CounterIds, [default], default, canWait: true);
            await store.ReleaseAsync(_org, (await HoldAsync(store, plan, Some.Id(), 1)).RequestId, hold.CounterIds);   // its place was free
            (await end).ShouldBe([0]);
        }
    }

    [Fact]
    public async Task An_end_that_can_wait_does_not_wait_for_ever()
    {
        LimitCounter[] plan = [Some.AtOnce(_org, 1)];
        var hold = await HoldAsync(plan, Some.Id(), 1);
        (await Store.SettleAsync(_org, hold.RequestId, hold.CounterIds, [default], default, canWait: true)).ShouldBe([0]);
        (await StandingAsync(plan[0])).Held.ShouldBe(0);
    }

    [Fact]
    public async Task Ends_and_reserves_that_find_no_epoch_yet_do_not_get_into_each_others_way()
    {
        await Task.WhenAll(Enumerable.Range(0, 30).Select(async _ =>
        {
            var org = Some.Org();
            using var store = fixture.Store();
            LimitCounter[] plan = [.. Enumerable.Range(0, 30).Select(n => Some.Spend(org, 1m, node: $"n{n}", code: $"s{n}"))];
            string[] others = [.. Enumerable.Range(0, 30).Select(n => Some.Spend(org, 1m, node: $"o{n}", code: $"o{n}").WindowsAt(store.NowMs).Current)];
            var end = Task.Run(() => store.SettleAsync(org, Some.Id(), others, [.. others.Select(_ => default(ExactNanos))], default));
            var reserve = Task.Run(() => store.ReserveAsync(org, plan, Some.Id(), [.. plan.Select(_ => new WorstCase(5, 0))], 1, 1, 1));
            (await end).ShouldBeNull();
            (await reserve).Outcome.ShouldBe(StoreOutcome.Held);
            (await Task.WhenAll(plan.Select(store.ReadCounterAsync))).ShouldAllBe(counter => counter.Held == 5);
        }));
    }
}
