using System.Globalization;

namespace Quota.Billing.Http;

/// <summary>Reads decimal text exactly or not at all: <c>decimal.Parse</c> would round a 29th digit away without a word.</summary>
internal static class DecimalText
{
    private const int MaxDigits = 28;

    /// <summary>Sign, digits, at most one point; a plain exponent as JSON numbers may have it. False when it cannot be held exactly.</summary>
    public static bool TryParse(string? text, out decimal value)
    {
        value = 0;
        if (text is not { Length: > 0 and <= 64 })
            return false;
        var mantissa = text.AsSpan();
        var exponent = 0;
        if (mantissa.IndexOfAny('e', 'E') is >= 0 and var at)
        {
            if (!int.TryParse(mantissa[(at + 1)..], NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out exponent) || exponent is < -28 or > 28)
                return false;
            mantissa = mantissa[..at];
        }
        var digits = 0;
        foreach (var letter in mantissa)
            digits += char.IsAsciiDigit(letter) ? 1 : 0;
        const NumberStyles Plain = NumberStyles.AllowLeadingSign | NumberStyles.AllowDecimalPoint;
        if (digits > MaxDigits || !decimal.TryParse(mantissa, Plain, CultureInfo.InvariantCulture, out value))
            return false;
        return Scale(ref value, exponent);
    }

    private static bool Scale(ref decimal value, int exponent)
    {
        for (; exponent > 0; exponent--)
        {
            if (Math.Abs(value) > decimal.MaxValue / 10)
                return false;
            value *= 10;
        }
        for (; exponent < 0; exponent++)
        {
            var smaller = value / 10;
            if (smaller * 10 != value)
                return false;
            value = smaller;
        }
        return true;
    }
}
