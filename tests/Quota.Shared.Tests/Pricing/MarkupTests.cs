using CsCheck;
using Quota.Shared.Amounts;
using Quota.Shared.Pricing;

namespace Quota.Shared.Tests.Pricing;

public sealed class MarkupTests
{
    [Fact]
    public void A_quarter_more_is_exact()
    {
        Markup.On(new ExactNanos(37, 500_000_000), 1.25m).ShouldBe(new ExactNanos(46, 875_000_000));
        Markup.On(new ExactNanos(37, 1), 1).ShouldBe(new ExactNanos(37, 1));
        Markup.On(new ExactNanos(0, 1), 1.25m).ShouldBe(new ExactNanos(0, 2), "finer than a billionth: up");
    }

    // 8 decimals per million tokens: an amount of nano-units with 5 decimals, times 4 of the factor.
    [Fact]
    public void Prices_of_8_decimals_are_multiplied_exactly() =>
        Gen.Select(Gen.Long[0, 1_000_000_000_000], Gen.Long[1, 10_000_000]).Sample((units, factor) =>
            Markup.On(ExactNanos.From(units / 100_000m), factor / 10_000m).ToDecimal().ShouldBe(units / 100_000m * (factor / 10_000m)));

    [Theory]
    [InlineData("0", false)]
    [InlineData("-1", false)]
    [InlineData("1000.1", false)]
    [InlineData("1.00001", false)]
    [InlineData("0.0001", true)]
    [InlineData("1000", true)]
    public void It_is_more_than_0_with_at_most_4_decimals(string text, bool isGood) =>
        (Markup.Mistake(decimal.Parse(text, System.Globalization.CultureInfo.InvariantCulture)) is null).ShouldBe(isGood);
}
