using System.Globalization;
using System.Numerics;

namespace Quota.Billing.Metering;

/// <summary>
/// Quantities as whole numbers of 10⁻¹²: every property is rounded to 12 decimals (half away from zero) and lies below 10¹⁸, so that it
/// has at most 30 digits, and the 38 of an <see cref="Int128"/> hold the exact sum of a hundred million of the largest. A decimal's 28 would
/// lose the small ones beside the large.
/// </summary>
internal static class PicoUnits
{
    public const int Decimals = 12;

    /// <summary>One unit.</summary>
    public static readonly Int128 One = 1_000_000_000_000;

    /// <summary>10¹⁸ units: from there on a number is a mistake, not a quantity.</summary>
    public static readonly Int128 Bound = One * 1_000_000_000_000_000_000;

    /// <summary>More digits than any quantity needs: what is longer is not looked at.</summary>
    private const int MostLength = 400;

    /// <summary>Reads a number as JSON writes it, exponents too; false when it is none or too large.</summary>
    public static bool TryParse(ReadOnlySpan<byte> text, out Int128 pico)
    {
        pico = 0;
        if (text.Length is 0 or > MostLength)
            return false;
        var at = text[0] is (byte)'-' or (byte)'+' ? 1 : 0;
        var exponent = 0;
        var (isZero, seenDigit, seenPoint, roundUp, cut) = (true, false, false, false, false);
        for (; at < text.Length; at++)
        {
            var letter = text[at];
            if (letter == '.' && !seenPoint)
            {
                seenPoint = true;
                continue;
            }
            if (letter is (byte)'e' or (byte)'E')
                break;
            if (letter is < (byte)'0' or > (byte)'9')
                return false;
            seenDigit = true;
            isZero &= letter == '0';
            if (pico < Bound)
                pico = pico * 10 + (letter - '0');
            else
            {
                roundUp |= !cut && letter >= '5';
                cut = true;
                exponent++;
            }
            if (seenPoint)
                exponent--;
        }
        if (!seenDigit)
            return false;
        if (at < text.Length)
        {
            if (!int.TryParse(text[(at + 1)..], NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var stated))
                return false;
            exponent = (int)Math.Clamp((long)exponent + stated, -10_000, 10_000);
        }
        if (isZero)
        {
            pico = 0;
            return true;
        }
        if (!TryScale(ref pico, exponent + Decimals, roundUp) || pico >= Bound)
            return false;
        if (text[0] == '-')
            pico = -pico;
        return true;
    }

    /// <exception cref="OverflowException">It has more than 28 digits: no invoice can hold it.</exception>
    public static decimal ToDecimal(Int128 pico)
    {
        var (whole, rest) = Int128.DivRem(pico, One);
        return (decimal)whole + (decimal)rest / (decimal)One is var units && FromDecimal(units) == pico ? units
            : throw new OverflowException("the quantity has more than 28 digits");
    }

    /// <summary>Rounded to 12 decimals, half away from zero.</summary>
    /// <exception cref="OverflowException">Beyond any sum of quantities.</exception>
    public static Int128 FromDecimal(decimal units)
    {
        var whole = decimal.Truncate(units);
        return checked((Int128)whole * One + (Int128)decimal.Round((units - whole) * (decimal)One, 0, MidpointRounding.AwayFromZero));
    }

    /// <summary>Plain decimal notation with as many decimals as it has.</summary>
    public static string ToText(Int128 pico)
    {
        var digits = Int128.Abs(pico).ToString(CultureInfo.InvariantCulture).PadLeft(Decimals + 1, '0');
        var decimals = digits[^Decimals..].TrimEnd('0');
        return $"{(pico < 0 ? "-" : "")}{digits[..^Decimals]}{(decimals.Length > 0 ? "." : "")}{decimals}";
    }

    /// <exception cref="OverflowException">Beyond any sum of quantities.</exception>
    public static Int128 FromDatabase(BigInteger pico) => (Int128)pico;

    public static BigInteger ToDatabase(Int128 pico) => pico;

    private static bool TryScale(ref Int128 number, int power, bool roundUp)
    {
        for (; power > 0; power--)
        {
            if (number >= Bound)
                return false;
            number *= 10;
        }
        if (power == 0)
        {
            number += roundUp ? 1 : 0;
            return true;
        }
        Int128 digit = 0;
        for (; power < 0 && number > 0; power++)
            (number, digit) = Int128.DivRem(number, 10);
        // What was cut off before lies behind this digit, so half and more is told by the digit alone.
        number += power == 0 && digit >= 5 ? 1 : 0;
        return true;
    }
}
