using System.Globalization;
using CsCheck;
using Quota.Shared.Amounts;

namespace Quota.Shared.Tests.Amounts;

public sealed class AmountsTests
{
    [Theory]
    [InlineData("0.005", "USD", 1)]     // half away from zero, not to even: Convert.ToInt64 would say 0
    [InlineData("0.125", "USD", 13)]
    [InlineData("0.135", "USD", 14)]
    [InlineData("-0.125", "USD", -13)]
    [InlineData("0.1249999999", "USD", 12)]
    [InlineData("1.5", "JPY", 2)]
    [InlineData("1.2345", "KWD", 1235)]
    [InlineData("79228162514264337", "USD", 7922816251426433700)]
    public void Money_is_rounded_half_away_from_zero(string amount, string currency, long minor) =>
        Rounding.ToMinorUnits(decimal.Parse(amount, CultureInfo.InvariantCulture), Currency.Parse(currency)).ShouldBe(minor);

    [Fact]
    public void Amounts_beyond_64_bits_overflow_loudly() =>
        Should.Throw<OverflowException>(() => Rounding.ToMinorUnits(decimal.MaxValue / 1000, Currency.Usd));

    [Theory]
    [InlineData("usd", 2)]
    [InlineData("JPY", 0)]
    [InlineData("BHD", 3)]
    public void Currencies_know_their_digits(string text, int digits) => Currency.Parse(text).Digits.ShouldBe(digits);

    [Theory]
    [InlineData("")]
    [InlineData("US")]
    [InlineData("U$D")]
    [InlineData("ÜSD")]
    [InlineData(null)]
    public void Other_texts_are_no_currency(string? text) => Currency.TryParse(text, out _).ShouldBeFalse();

    [Theory]
    [InlineData("0", true, 0)]
    [InlineData("1", true, 1_000_000_000)]
    [InlineData("0.000000001", true, 1)]
    [InlineData("0.0000000001", false, 0)]          // finer than a nano-unit
    [InlineData("-1", false, 0)]
    [InlineData("9007199.254740991", true, 9_007_199_254_740_991)]
    [InlineData("9007199.254740992", false, 0)]     // 2^53
    [InlineData("79228162514264337593543950335", false, 0)]
    public void Nano_units_are_exact_or_refused(string amount, bool fits, long nanos)
    {
        NanoUnits.TryFrom(decimal.Parse(amount, CultureInfo.InvariantCulture), Currency.Usd, out var result).ShouldBe(fits);
        result.ShouldBe(nanos);
    }

    [Fact]
    public void Nano_units_come_back_as_they_went() =>
        Gen.Select(Gen.Long[0, NanoUnits.Ceiling - 1], Gen.OneOf(Gen.Const("USD"), Gen.Const("JPY"), Gen.Const("BHD"))).Sample((nanos, code) =>
        {
            var currency = Currency.Parse(code);
            var text = NanoUnits.ToText(nanos, currency);
            NanoUnits.TryFrom(decimal.Parse(text, CultureInfo.InvariantCulture), currency, out var back).ShouldBeTrue();
            back.ShouldBe(nanos);
        });

    [Theory]
    [InlineData("tr-TR")]
    [InlineData("de-DE")]
    [InlineData("ar")]
    public void Texts_do_not_depend_on_the_culture(string culture)
    {
        var before = CultureInfo.CurrentCulture;
        CultureInfo.CurrentCulture = new CultureInfo(culture);
        try
        {
            NanoUnits.ToText(-1_500_000_000, Currency.Usd).ShouldBe("-1.5");
            Currency.Parse("idr").Code.ShouldBe("IDR");   // a Turkish upper-case i has a dot
        }
        finally
        {
            CultureInfo.CurrentCulture = before;
        }
    }

    [Fact]
    public void Exact_nanos_split_and_join() => Gen.Decimal[0m, 1_000_000m].Sample(value =>
    {
        var exact = decimal.Round(value, 9, MidpointRounding.ToZero);
        var split = ExactNanos.From(exact);
        split.ToDecimal().ShouldBe(exact);
        split.Ceiling.ShouldBe((long)Math.Ceiling(exact));
    });

    [Fact]
    public void Exact_nanos_refuse_what_a_counter_cannot_hold()
    {
        Should.Throw<OverflowException>(() => ExactNanos.From(-0.1m));
        Should.Throw<OverflowException>(() => ExactNanos.From(NanoUnits.Ceiling));
        Should.Throw<OverflowException>(() => ExactNanos.From(0.0000000001m));
    }
}
