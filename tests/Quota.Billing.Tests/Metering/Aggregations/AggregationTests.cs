using Quota.Billing.Metering;
using static Quota.Billing.Tests.Metering.SomeEvents;

namespace Quota.Billing.Tests.Metering.Aggregations;

/// <summary>What each aggregation says to the events of Lago's guide, and to what the guide is silent about.</summary>
public sealed class AggregationTests
{
    [Fact]
    public void The_guides_two_events()
    {
        var views = new[] { Event(0, "10"), Event(1, "20") };
        var users = new[] { Event(0, "1234-5678-9098-7654"), Event(1, "1234-5678-9098-7654") };
        Units(new CountAggregation(), views).ShouldBe(2);
        Units(new SumAggregation(), views).ShouldBe(30);
        Units(new MaxAggregation(), views).ShouldBe(20);
        Units(new MinAggregation(), views).ShouldBe(10);
        Units(new AverageAggregation(), views).ShouldBe(15);
        Units(new UniqueCountAggregation(), users).ShouldBe(1);
        Units(new LatestAggregation(), [Event(0, "5"), Event(1, "7"), Event(2, "6")]).ShouldBe(6);
    }

    [Theory]
    [InlineData("count_agg", "1.5", 5)]
    [InlineData("sum_agg", "1.5", -1)]
    [InlineData("max_agg", "1.5", 1.5)]
    [InlineData("min_agg", "1.5", -3)]
    [InlineData("latest_agg", "1.5", -3)]
    [InlineData("average_agg", "1.5", -0.2)]
    [InlineData("unique_count_agg", "1.5", 3)]
    [InlineData("max_agg", "-9", -3)]
    public void What_is_no_number_and_what_corrects(string type, string first, double units)
    {
        // Absent, words, then a correction of a hundred off by -0.5 and +1 in all: never the largest, the last or a value of its own.
        MeteredEvent[] events =
        [
            Event(0, first), Event(1, null), Event(2, "-3"), Event(3, "many"), Event(3, null), Event(4, "100", correction: true), Event(5, "-99.5", correction: true),
        ];
        Units(Of(type), events).ShouldBe((decimal)units);
    }

    [Theory]
    [MemberData(nameof(Types))]
    public void No_events_are_no_units(string type)
    {
        Units(Of(type), []).ShouldBe(0);
        Units(Of(type), [], recurring: Of(type).MayRecur).ShouldBe(0);
        Of(type).UnitsOf(default).GetValueOrDefault().ShouldBe(0);
    }

    [Theory]
    [MemberData(nameof(Types))]
    public void Only_corrections_are_no_calls(string type)
    {
        var units = Units(Of(type), [Event(0, "-4", correction: true)]);
        units.ShouldBe(type is "sum_agg" or "weighted_sum_agg" ? -4 : 0);
    }

    [Theory]
    [InlineData("a+ b+ a-", 1)]
    [InlineData("a+ a+ a-", 0)]
    [InlineData("a- a+", 1)]
    [InlineData("a- b-", 0)]
    [InlineData("a+ a- a+", 1)]
    [InlineData("5+ 5.0+ 05+", 3)]
    public void Unique_values_come_and_go(string story, int active) => Units(new UniqueCountAggregation(), Story(story, 0)).ShouldBe(active);

    [Theory]
    [InlineData("a+ b+", "a- c+", true, 2)]
    [InlineData("a+ b+", "a- c+", false, 1)]
    [InlineData("a+ b+", "", true, 2)]
    [InlineData("a+ b+", "", false, 0)]
    public void Recurring_values_stay_active(string before, string within, bool recurring, int active) =>
        Units(new UniqueCountAggregation(), [.. Story(before, -50), .. Story(within, 0)], recurring: recurring).ShouldBe(active);

    [Theory]
    [InlineData("0:20", false, "20")]                                   // all the period
    [InlineData("50:20", false, "10")]                                  // from the middle on
    [InlineData("0:20 50:-20", false, "10")]                            // until the middle
    [InlineData("0:1 25:1 75:-2", false, "1.25")]
    [InlineData("-10:8 50:2", false, "1")]                              // not carried over
    [InlineData("-10:8 50:2", true, "9")]                               // carried over
    [InlineData("-20:8 -10:-3 0:1", true, "6")]
    [InlineData("99.999999:3", false, "0.00000003")]                    // one microsecond
    [InlineData("99.999999:0.00001", false, "0")]                       // 10^-13, cut
    [InlineData("99.999999:0.00005", false, "0.000000000001")]          // half of 10^-12
    [InlineData("99.999999:-0.00005", false, "-0.000000000001")]
    public void Weighted_values_hold_until_the_end(string story, bool recurring, string units)
    {
        var events = story.Split(' ').Select(one => one.Split(':')).Select(one => Event(double.Parse(one[0], Invariant), one[1]));
        Units(new WeightedSumAggregation(), events, recurring: recurring).ShouldBe(decimal.Parse(units, Invariant));
    }

    [Fact]
    public void A_recurring_sum_begins_with_what_was()
    {
        Units(new SumAggregation(), [Event(-9, "4"), Event(-8, "-1", correction: true), Event(1, "2")], recurring: true).ShouldBe(5);
        All.Where(one => one.MayRecur).Select(one => one.Name).ShouldBe(["sum_agg", "unique_count_agg", "weighted_sum_agg"]);
    }

    [Fact]
    public void A_sum_that_no_invoice_can_hold_is_no_number()
    {
        string[] most = ["9999999999999999.999999999999", "0.000000000001"];
        Units(new SumAggregation(), [Event(0, most[0]), Event(0, most[1])]).ShouldBe(10_000_000_000_000_000m);
        foreach (var type in new IAggregation[] { new SumAggregation(), new WeightedSumAggregation(), new LatestAggregation(), new MaxAggregation() })
            Should.Throw<OverflowException>(() => Units(type, [Event(0, "999999999999999999.999999999999")]));
    }

    [Fact]
    public void Two_of_one_name_are_refused() => Should.Throw<ArgumentException>(() => new Billing.Metering.Aggregations([new SumAggregation(), new SumAggregation()]));

    internal static readonly IAggregation[] All =
    [
        new CountAggregation(), new SumAggregation(), new MaxAggregation(), new MinAggregation(), new LatestAggregation(), new UniqueCountAggregation(),
        new WeightedSumAggregation(), new AverageAggregation(),
    ];

    public static readonly TheoryData<string> Types = [.. All.Select(one => one.Name)];

    private static readonly IFormatProvider Invariant = System.Globalization.CultureInfo.InvariantCulture;

    private static IAggregation Of(string type) => All.Single(one => one.Name == type);

    private static IEnumerable<MeteredEvent> Story(string story, int start) => story.Split(' ', StringSplitOptions.RemoveEmptyEntries)
        .Select((word, i) => Event(start + i, word[..^1], removal: word[^1] == '-'));
}
