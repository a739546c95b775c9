using System.Globalization;
using System.Numerics;
using System.Text;
using CsCheck;
using Quota.Shared.Pricing.Import;

namespace Quota.Shared.Tests.Pricing.Import;

public sealed class ExactNumberTests
{
    [Theory]
    [InlineData("1.25e-06", 6, "1.25")]
    [InlineData("5.46875e-07", 6, "0.546875")]
    [InlineData("7.500003000000001e-05", 6, "75.00003000000001")]    // a float's noise is kept, for somebody to refuse it
    [InlineData("0.000015", 6, "15")]
    [InlineData("2E-7", 6, "0.2")]
    [InlineData("3e+00", 6, "3000000")]
    [InlineData("35", -3, "0.035")]
    [InlineData("0", 6, "0")]
    [InlineData("0.0", 6, "0")]
    [InlineData("-0e999999999999", 6, "0")]
    [InlineData("0e-05", 6, "0")]
    [InlineData("-1.5", 0, "-1.5")]
    [InlineData("100", 0, "100")]
    [InlineData("1000000000000000000000000000000e-30", 0, "1")]
    [InlineData("9999999999999999999999999999", 0, "9999999999999999999999999999")]
    [InlineData("0.0000000000000000000000000001", 0, "0.0000000000000000000000000001")]
    public void A_number_is_read_digit_by_digit(string text, int shift, string expected)
    {
        ExactNumber.TryRead(Encoding.ASCII.GetBytes(text), shift, out var value).ShouldBeTrue();
        value.ToString(CultureInfo.InvariantCulture).ShouldBe(expected);
    }

    [Theory]
    [InlineData("1e-29")]                                  // decimal.Parse says 0
    [InlineData("1.00000000000000000000000000001")]        // decimal.Parse says 1
    [InlineData("1e29")]
    [InlineData("1e999999999999999999")]
    [InlineData("1e-999999999999999999")]
    [InlineData("12345678901234567890123456789")]
    public void What_a_decimal_cannot_hold_is_not_rounded(string text) => ExactNumber.TryRead(Encoding.ASCII.GetBytes(text), 0, out _).ShouldBeFalse();

    [Fact]
    public void It_is_what_the_text_means() =>
        Gen.Select(Gen.Long[0, 1_000_000_000_000], Gen.Long[0, 999_999], Gen.Int[-14, 3], Gen.Int[-3, 6]).Sample((whole, fraction, exponent, shift) =>
        {
            var text = string.Create(CultureInfo.InvariantCulture, $"{whole}.{fraction:D6}e{exponent}");
            ExactNumber.TryRead(Encoding.ASCII.GetBytes(text), shift, out var value).ShouldBeTrue();
            var micros = (new BigInteger(whole) * 1_000_000) + fraction;    // the value is micros * 10^(exponent + shift - 6)
            TimesTenTo28(value).ShouldBe(micros * BigInteger.Pow(10, exponent + shift - 6 + 28));
        });

    private static BigInteger TimesTenTo28(decimal value)
    {
        var bits = decimal.GetBits(value);
        var mantissa = (new BigInteger((uint)bits[2]) << 64) + (new BigInteger((uint)bits[1]) << 32) + (uint)bits[0];
        return mantissa * BigInteger.Pow(10, 28 - ((bits[3] >> 16) & 0xff));
    }
}
