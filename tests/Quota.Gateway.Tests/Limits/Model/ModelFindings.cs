using Quota.Gateway.Limits;
using Quota.Gateway.Limits.Store;
using Quota.Shared.Amounts;
using Quota.Shared.ControlPlane;
using Quota.TestKit;

namespace Quota.Gateway.Tests.Limits.Model;

/// <summary>What the model found, each as the shortest history that shows it.</summary>
public sealed class ModelFindings(RedisFixture redis) : IClassFixture<RedisFixture>
{
    private readonly string _org = Some.Org();

    private async Task<Hold> HoldAsync(QuotaStore store, LimitCounter counter, long quantity)
    {
        var id = Some.Id();
        var reply = await store.ReserveAsync(_org, [counter], id, [new WorstCase(quantity, 0)], 0, 0, 1);
        reply.Outcome.ShouldBe(StoreOutcome.Held);
        return new Hold(id, _org, reply.At, reply.Counters);
    }

    private Task<IReadOnlyList<long>?> SettleAsync(QuotaStore store, Hold hold, long units) =>
        store.SettleAsync(_org, hold.RequestId, [hold.Counters[0].Id], [new ExactNanos(units, 0)], default);

    [Fact]
    public async Task A5_a_reaped_hold_that_is_given_back_late_takes_nothing_of_what_others_used()
    {
        var clock = new GatewayClock(TimeProvider.System);
        clock.Shift(0);
        var (store, brief) = (redis.Store(clock), redis.Store(clock, TimeSpan.FromMilliseconds(1), "brief"));
        var rate = Some.Rate(_org, 10, every: "hour");
        var lost = await HoldAsync(brief, rate, 10);
        await Eventually.TrueAsync("it is reaped", async () => (await store.ReapAsync(_org, 10)).Count == 1);
        clock.Shift(3_600_000);   // its provisional charge has drained to the last unit
        await SettleAsync(store, await HoldAsync(store, rate, 10), 10);
        (await store.ReleaseAsync(_org, lost.RequestId, [lost.Counters[0].Id])).ShouldBeTrue();
        var next = await store.ReserveAsync(_org, [rate], Some.Id(), [new WorstCase(10, 0)], 0, 0, 1);
        next.Outcome.ShouldBe(StoreOutcome.Refused, "20 in one moment, where the burst is 10");
    }

    [Fact]
    public async Task A1_what_is_charged_without_a_hold_is_over_on_a_rate_too()
    {
        var store = redis.Store();
        var rate = Some.Rate(_org, 10, every: "hour");
        var id = rate.WindowsAt(store.NowMs).Current;
        (await store.ChargeAsync(_org, Some.Id(), [new ChargedCounter(id, rate.KindText(0), null, new ExactNanos(25, 0))], default)).ShouldBe([25]);
        (await store.ReadCounterAsync(_org, id)).Over.ShouldBe(25);
    }

    [Fact]
    public async Task A11_a_threshold_that_is_added_later_is_told_also_when_its_digits_begin_another()
    {
        var store = redis.Store();
        LimitCounter Limit(params decimal[] thresholds) =>
            Some.Counter(_org, new LimitTerms { Meter = Meters.TotalTokens, Amount = 100, Window = new LimitWindow { Kind = "lifetime" }, Thresholds = thresholds });
        await SettleAsync(store, await HoldAsync(store, Limit(0.55m), 60), 60);
        (await store.FactsAsync(_org, 10)).Count.ShouldBe(1);
        await HoldAsync(store, Limit(0.5m, 0.55m), 1);
        (await store.FactsAsync(_org, 10)).Count.ShouldBe(2);   // 0.5 is passed as well; 0.4 would have been told
    }

    /// <summary>About the model itself: where a rate's clock stands still, nothing but the outcome tells at which ms the store did a step.</summary>
    [Fact]
    public async Task A_reaped_hold_on_a_rate_is_compared_to_the_millisecond_though_the_clock_went_back()
    {
        var limit = new ModelLimit(0, 0, null, Meters.InputTokens, "rate", "second", null, null, 19_145, null, LimitTerms.Soft, false, [], false);
        var reserve = new Step.Reserve(2, 6, 6_000, 0, 0, 1, 0, 0);   // 313 ms of what drains
        var scenario = new Scenario([limit], [reserve, reserve, reserve, new Step.Shift(-5_000), new Step.Reap(), new Step.Extend(0, 0, 110, false), new Step.Settle(0, 1, 40, 0), new Step.Release(0, 2)]);
        for (var i = 0; i < 30; i++)
        {
            using var run = new ModelRun(redis, scenario);
            await run.RunAsync();
        }
    }
}
