using Quota.Gateway.Limits;
using Quota.Gateway.Limits.Store;
using Quota.Shared.Amounts;
using StackExchange.Redis;

namespace Quota.Gateway.Tests.Limits;

/// <summary>What is told: use that no hold covered, thresholds.</summary>
public abstract partial class QuotaStoreContract
{
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
}
