namespace Quota.Shared.Amounts;

/// <summary>
/// An amount of nano-units with its fraction kept: <see cref="Whole"/> + <see cref="Fraction"/> / 10⁹, never negative.
/// A counter adds both parts and carries, so the sum of many requests equals the price of their summed quantity,
/// floored once (F(u) = ⌊f(u)⌋), however many requests there were. 37.5 nano a token has no drift.
/// </summary>
/// <param name="Whole">Whole nano-units, 0 or more.</param>
/// <param name="Fraction">Billionths of a nano-unit, 0 to 999,999,999.</param>
public readonly record struct ExactNanos(long Whole, int Fraction)
{
    /// <summary>Billionths in one nano-unit.</summary>
    public const int One = 1_000_000_000;

    /// <summary>Splits an exact amount of nano-units.</summary>
    /// <exception cref="OverflowException">Negative, at 2⁵³ or above, or finer than a billionth of a nano-unit.</exception>
    public static ExactNanos From(decimal nanos)
    {
        if (nanos is < 0 or >= NanoUnits.Ceiling)
            throw new OverflowException($"{nanos} nano-units do not fit a counter (0 to 2^53).");
        var whole = decimal.Truncate(nanos);
        var fraction = (nanos - whole) * One;
        if (fraction != decimal.Truncate(fraction))
            throw new OverflowException($"{nanos} nano-units are finer than a billionth.");
        return new ExactNanos((long)whole, (int)fraction);
    }

    /// <summary>The smallest whole number of nano-units that covers this amount.</summary>
    public long Ceiling => Fraction == 0 ? Whole : checked(Whole + 1);

    public decimal ToDecimal() => Whole + (decimal)Fraction / One;
}
