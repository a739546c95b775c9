using System.Globalization;
using System.Numerics;
using System.Text;
using CsCheck;
using Quota.Billing.Metering;

namespace Quota.Billing.Tests.Metering;

public sealed class PicoUnitsTests
{
    private static readonly BigInteger Bound = BigInteger.Pow(10, 30);

    private static readonly Gen<string> Digits = Gen.Frequency((4, Gen.String[Gen.Char["0123456789"], 0, 20]), (1, Gen.String[Gen.Char["0123456789"], 20, 40]), (1, Gen.String[Gen.Char["04599"], 0, 40]));

    private static readonly Gen<string> Numbers = Gen.Select(SomeEvents.Any("", "-", "+"), Digits, Digits, Gen.Bool, Gen.Int[-60, 60], Gen.Int[0, 2], (sign, whole, decimals, point, exponent, exponents) =>
        sign + whole + (point ? "." + decimals : "") + (exponents == 0 ? "" : $"{(exponents == 1 ? "e" : "E+")}{(exponents == 1 ? exponent : Math.Abs(exponent))}"));

    [Theory]
    [InlineData("0", "0")]
    [InlineData("-0", "0")]
    [InlineData("-0.0e99", "0")]
    [InlineData("1e0", "1000000000000")]
    [InlineData("0.0000000000005", "1")]
    [InlineData("-0.0000000000005", "-1")]
    [InlineData("0.00000000000049999999", "0")]
    [InlineData("0.0012345678901234567", "1234567890")]
    [InlineData("123456789012345678.123456789012", "123456789012345678123456789012")]
    [InlineData("123456789012345678.1234567890125", "123456789012345678123456789013")]
    [InlineData("999999999999999999.9999999999994", "999999999999999999999999999999")]
    [InlineData("999999999999999999.9999999999995", null)]
    [InlineData("1000000000000000000", null)]
    [InlineData("0.000001e23", "100000000000000000000000000000")]
    [InlineData("1e18", null)]
    [InlineData("1e-2147483649", null)]
    [InlineData("1e2147483647", null)]
    [InlineData("1e-2147483647", "0")]
    [InlineData("", null)]
    [InlineData("-", null)]
    [InlineData(".", null)]
    [InlineData("1e", null)]
    [InlineData("1e+", null)]
    [InlineData("1.2.3", null)]
    [InlineData("--1", null)]
    [InlineData("1 ", null)]
    [InlineData("0x1", null)]
    [InlineData("NaN", null)]
    public void Reads(string text, string? pico) => Parsed(text).ShouldBe(pico is null ? null : BigInteger.Parse(pico, CultureInfo.InvariantCulture));

    [Fact]
    public void Reads_as_unbounded_arithmetic_does() => Numbers.Sample(text => Parsed(text).ShouldBe(Model(text), text), iter: 20_000);

    [Fact]
    public void Rubbish_is_no_number_and_no_exception() =>
        Gen.String[Gen.Char["0159.eE+- ,xN\0"], 0, 12].Sample(text => Parsed(text.TrimEnd('\0')).ShouldBe(Model(text.TrimEnd('\0')), text), iter: 20_000);

    [Fact]
    public void Becomes_a_decimal_exactly_or_not_at_all() => Gen.Select(Gen.ULong, Gen.ULong, Gen.Int[0, 110], Gen.Bool).Sample((high, low, shift, negative) =>
    {
        var size = (Int128)(new UInt128(high, low) >> Math.Max(shift, 1));
        var pico = negative ? -size : size;
        var (mantissa, scale) = ((BigInteger)size, PicoUnits.Decimals);
        for (; scale > 0 && mantissa % 10 == 0; scale--)
            mantissa /= 10;
        if (mantissa >= BigInteger.Pow(2, 96))
        {
            Should.Throw<OverflowException>(() => PicoUnits.ToDecimal(pico));
            return;
        }
        var units = PicoUnits.ToDecimal(pico);
        units.ShouldBe(negative ? -(decimal)mantissa / (decimal)BigInteger.Pow(10, scale) : (decimal)mantissa / (decimal)BigInteger.Pow(10, scale));
        PicoUnits.FromDecimal(units).ShouldBe(pico);
        PicoUnits.ToText(pico).ShouldBe(units.ToString("0.############", CultureInfo.InvariantCulture));
    }, iter: 10_000);

    [Fact]
    public void Decimals_beyond_all_quantities_are_no_other_quantity() => Should.Throw<OverflowException>(() => PicoUnits.FromDecimal(decimal.MaxValue));

    private static BigInteger? Parsed(string text) => PicoUnits.TryParse(Encoding.UTF8.GetBytes(text), out var pico) ? pico : null;

    /// <summary>Null when it is no number or none below 10^18.</summary>
    private static BigInteger? Model(string text)
    {
        var parts = System.Text.RegularExpressions.Regex.Match(text, @"\A[+-]?([0-9]*)\.?([0-9]*)(?:[eE]([+-]?[0-9]+))?\z");
        var digits = parts.Groups[1].Value + parts.Groups[2].Value;
        if (!parts.Success || digits.Length == 0)
            return null;
        var exponent = parts.Groups[3].Success ? int.Parse(parts.Groups[3].Value, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture) : 0;
        var power = exponent - parts.Groups[2].Length + PicoUnits.Decimals;
        var number = BigInteger.Parse(digits, CultureInfo.InvariantCulture);
        var pico = power >= 0 ? number * BigInteger.Pow(10, power) : (2 * number + BigInteger.Pow(10, -power)) / (2 * BigInteger.Pow(10, -power));
        return pico >= Bound ? null : text[0] == '-' ? -pico : pico;
    }
}
