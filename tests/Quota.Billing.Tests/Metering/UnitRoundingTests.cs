using System.Globalization;
using CsCheck;
using Quota.Billing.Metering;

namespace Quota.Billing.Tests.Metering;

public sealed class UnitRoundingTests
{
    [Theory]
    [InlineData("123.4567", "round", 0, "123")]         // the three of Lago's guide
    [InlineData("123.4567", "round", 2, "123.46")]
    [InlineData("123.4567", "round", -1, "120")]
    [InlineData("123.4567", null, 0, "123.4567")]
    [InlineData("123.4567", "ceil", 0, "124")]
    [InlineData("123.4567", "ceil", -2, "200")]
    [InlineData("123.4567", "floor", 3, "123.456")]
    [InlineData("-123.4567", "ceil", 1, "-123.4")]
    [InlineData("-123.4567", "floor", 1, "-123.5")]
    [InlineData("0.5", "round", 0, "1")]
    [InlineData("-0.5", "round", 0, "-1")]
    [InlineData("2.5", "round", 0, "3")]
    [InlineData("0.000000000001", "ceil", 0, "1")]
    [InlineData("0.000000000001", "floor", 15, "0.000000000001")]
    [InlineData("0", "ceil", -15, "0")]
    [InlineData("1", "ceil", -15, "1000000000000000")]
    public void Units_are_cut_once_as_the_metric_says(string units, string? function, int precision, string cut) => Apply(units, function, precision).ShouldBe(cut);

    [Fact]
    public void As_decimals_own_rounding_where_that_reaches() =>
        Gen.Select(Gen.Long[-1_000_000_000_000_000, 1_000_000_000_000_000], Gen.Int[0, 12], Gen.Int[0, 14]).Sample((digits, scale, precision) =>
        {
            var units = new decimal((int)(Math.Abs(digits) & 0xffffffff), (int)(Math.Abs(digits) >> 32), 0, digits < 0, (byte)scale);
            foreach (var (function, mode) in new[] { ("round", MidpointRounding.AwayFromZero), ("ceil", MidpointRounding.ToPositiveInfinity), ("floor", MidpointRounding.ToNegativeInfinity) })
                decimal.Parse(Apply(units.ToString(CultureInfo.InvariantCulture), function, precision), CultureInfo.InvariantCulture).ShouldBe(decimal.Round(units, precision, mode));
        });

    private static string Apply(string units, string? function, int precision) => UnitRounding.Apply(
        new MetricTerms { EventCode = "e", AggregationType = "sum_agg", RoundingFunction = function, RoundingPrecision = precision },
        decimal.Parse(units, CultureInfo.InvariantCulture)).ToString("0.############", CultureInfo.InvariantCulture);
}
