using Quota.Gateway.Limits;
using Quota.Gateway.Limits.Store;

namespace Quota.Gateway.Tests.Limits;

/// <summary>How large a hold may be: answers that are clamped, and holds that grow.</summary>
public abstract partial class QuotaStoreContract
{
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
}
