using Quota.Gateway.Limits;
using Quota.Gateway.Limits.Store;
using Quota.Shared.ControlPlane;

namespace Quota.Gateway.Tests.Limits;

/// <summary>Several limits on a counter, and limits that are edited.</summary>
public abstract partial class QuotaStoreContract
{
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
}
