namespace Quota.Shared.Pricing.Import;

/// <summary>
/// A JSON number's own text as a decimal, digit by digit. A <c>double</c> would not hold 1.25e-06, and <c>decimal.Parse</c> rounds silently
/// what has more than 28 digits.
/// </summary>
internal static class ExactNumber
{
    private const int MostDigits = 28, MostExponent = 10_000;

    /// <param name="number">The token as JSON has it: <c>-1.25e-06</c>.</param>
    /// <param name="shift">Powers of ten to multiply by: 6 turns a price per token into one per million.</param>
    /// <returns>False when a decimal cannot hold it exactly.</returns>
    public static bool TryRead(ReadOnlySpan<byte> number, int shift, out decimal value)
    {
        var (mantissa, digits, power, trailingZeros, inFraction, negative) = (0m, 0, shift, 0, false, false);
        value = 0;
        for (var index = 0; index < number.Length; index++)
        {
            var character = number[index];
            if (character is (byte)'e' or (byte)'E')
            {
                power += Exponent(number[(index + 1)..]);
                break;
            }
            if (character == '-')
                negative = true;
            else if (character == '.')
                inFraction = true;
            else
            {
                power -= inFraction ? 1 : 0;
                if (character == '0')
                {
                    trailingZeros += digits == 0 ? 0 : 1;
                    continue;
                }
                digits += trailingZeros + 1;
                if (digits > MostDigits)
                    return false;
                for (; trailingZeros > 0; trailingZeros--)
                    mantissa *= 10;
                mantissa = (mantissa * 10) + (character - '0');
            }
        }
        power += trailingZeros;
        if (digits == 0)
            return true;
        if (power < -MostDigits || digits + power > MostDigits)
            return false;
        for (; power > 0; power--)
            mantissa *= 10;
        Span<int> bits = stackalloc int[4];
        decimal.GetBits(mantissa, bits);
        value = new decimal(bits[0], bits[1], bits[2], negative, (byte)-power);
        return true;
    }

    private static int Exponent(ReadOnlySpan<byte> text)
    {
        var exponent = 0;
        foreach (var character in text)
            exponent = character is >= (byte)'0' and <= (byte)'9' ? Math.Min((exponent * 10) + (character - '0'), MostExponent) : exponent;
        return text[0] == '-' ? -exponent : exponent;
    }
}
