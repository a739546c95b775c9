using Quota.Gateway.Limits;

namespace Quota.Gateway.Tests.Limits;

/// <summary>A hold whose deadline has passed.</summary>
public abstract partial class QuotaStoreContract
{
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
}
