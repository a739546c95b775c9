using System.Globalization;
using CsCheck;
using Quota.Billing.Metering;
using static Quota.Billing.Tests.Metering.SomeEvents;

namespace Quota.Billing.Tests.Metering.Aggregations;

/// <summary>Aggregations against slow models that are written from the other end: second by second, value by value.</summary>
public sealed class AggregationModelTests
{
    private const int Length = 30;

    private static readonly Gen<MeteredEvent> Events = Gen.Select(Gen.Int[-10, Length - 1], Gen.Int[-20, 20], Gen.Int[0, 9], Gen.Bool, (second, value, kind, removal) => Event(
        second, kind switch { 0 => null, 1 => "word", _ => (value / 4m).ToString(CultureInfo.InvariantCulture) }, correction: kind == 2, removal));

    private static readonly Gen<MeteredEvent[]> Histories = Events.Array[0, 30].Select(events => events.OrderBy(one => one.At).ToArray());

    [Fact]
    public void A_weighted_sum_is_the_mean_level_of_all_seconds() => Gen.Select(Histories, Gen.Bool).Sample((events, recurring) =>
    {
        decimal levels = 0;
        for (var second = 0; second < Length; second++)
            levels += Within(events, recurring).Where(one => one.At <= Start.AddSeconds(second)).Sum(Number);
        Units(new WeightedSumAggregation(), events, Length, recurring).ShouldBe(decimal.Round(levels / Length, 12, MidpointRounding.AwayFromZero));
    });

    [Fact]
    public void A_value_is_active_when_its_last_word_is_add() => Gen.Select(Histories, Gen.Bool).Sample((events, recurring) =>
    {
        var active = Within(events, recurring).Where(one => !one.IsCorrection && one.Value.Text is not null)
            .GroupBy(one => one.Value.Text).Count(value => !value.Last().IsRemoval);
        Units(new UniqueCountAggregation(), events, Length, recurring).ShouldBe(active);
    });

    [Fact]
    public void The_latest_is_the_last_number_of_a_call() => Histories.Sample(events =>
    {
        var last = Within(events, recurring: false).LastOrDefault(one => !one.IsCorrection && one.Value.Kind == PropertyKind.Number);
        Units(new LatestAggregation(), events, Length).ShouldBe(Number(last));
    });

    [Fact]
    public void Sums_tell_what_the_events_tell() => Histories.Sample(events =>
    {
        var calls = events.Where(one => !one.IsCorrection).ToList();
        var numbers = calls.Where(one => one.Value.Kind == PropertyKind.Number).Select(Number).ToList();
        var total = events.Sum(Number);
        Units(new CountAggregation(), events).ShouldBe(calls.Count);
        Units(new SumAggregation(), events).ShouldBe(total);
        Units(new MaxAggregation(), events).ShouldBe(numbers.DefaultIfEmpty().Max());
        Units(new MinAggregation(), events).ShouldBe(numbers.DefaultIfEmpty().Min());
        Units(new AverageAggregation(), events).ShouldBe(calls.Count == 0 ? 0 : decimal.Round(total / calls.Count, 12, MidpointRounding.AwayFromZero));
    });

    [Fact]
    public void Sums_add_up_however_events_are_grouped() => Gen.Select(Histories, Gen.Int[1, 5], Gen.Int).Sample((events, groups, seed) =>
    {
        var one = events.Aggregate(default(UsageSums), (sums, next) => sums.Plus(next));
        var random = new Random(seed);
        var parts = events.GroupBy(_ => random.Next(groups)).Select(part => part.OrderBy(_ => random.Next()).Aggregate(default(UsageSums), (sums, next) => sums.Plus(next)));
        parts.OrderBy(_ => random.Next()).Aggregate(default(UsageSums), (sums, next) => next.Plus(sums)).ShouldBe(one);
    });

    private static IEnumerable<MeteredEvent> Within(IEnumerable<MeteredEvent> events, bool recurring) => events.Where(one => recurring || one.At >= Start);

    private static decimal Number(MeteredEvent one) => one.Value.Kind == PropertyKind.Number ? decimal.Parse(one.Value.Text!, CultureInfo.InvariantCulture) : 0;
}
