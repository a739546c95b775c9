using System.Numerics;

namespace Quota.Billing.Metering.Expressions;

/// <summary>
/// An exact number: what expressions calculate with, so that x / 3 * 3 is x and only the result is rounded. Small whole numbers, which
/// most are, need no memory. The default is no number.
/// </summary>
/// <param name="Numerator">Its sign is the number's.</param>
/// <param name="Denominator">Above 0; the two may have common factors.</param>
internal readonly record struct Fraction(BigInteger Numerator, BigInteger Denominator)
{
    private static readonly BigInteger PicosPerUnit = PicoUnits.One;

    public static readonly Fraction Zero = new(0, 1);

    public static Fraction Of(Int128 pico)
    {
        var (whole, rest) = Int128.DivRem(pico, PicoUnits.One);
        return rest == 0 ? new(whole, 1) : new(pico, PicosPerUnit);
    }

    public static Fraction operator +(in Fraction left, in Fraction right) => left.Denominator == right.Denominator
        ? new(left.Numerator + right.Numerator, left.Denominator)
        : new(left.Numerator * right.Denominator + right.Numerator * left.Denominator, left.Denominator * right.Denominator);

    public static Fraction operator -(in Fraction number) => new(-number.Numerator, number.Denominator);

    public static Fraction operator -(in Fraction left, in Fraction right) => left + -right;

    public static Fraction operator *(in Fraction left, in Fraction right) => new(left.Numerator * right.Numerator, left.Denominator * right.Denominator);

    /// <exception cref="DivideByZeroException"><paramref name="right"/> is 0.</exception>
    public static Fraction operator /(in Fraction left, in Fraction right)
    {
        if (right.Numerator.IsZero)
            throw new DivideByZeroException();
        var sign = right.Numerator.Sign;
        return new(left.Numerator * right.Denominator * sign, left.Denominator * right.Numerator * sign);
    }

    public static bool operator <(in Fraction left, in Fraction right) =>
        left.Numerator * right.Denominator < right.Numerator * left.Denominator;

    public static bool operator >(in Fraction left, in Fraction right) => right < left;

    /// <summary>With so many decimals; negative ones round to tens, hundreds, …</summary>
    public Fraction Round(RoundingFunction function, int precision)
    {
        var step = BigInteger.Pow(10, Math.Abs(precision));
        return precision >= 0
            ? new(UnitRounding.Divide(Numerator * step, Denominator, function), step)
            : new(UnitRounding.Divide(Numerator, Denominator * step, function) * step, 1);
    }

    /// <summary>As a quantity, half away from zero; false when none is so large.</summary>
    public bool TryPico(out Int128 pico)
    {
        var rounded = UnitRounding.Divide(Numerator * PicosPerUnit, Denominator);
        var fits = BigInteger.Abs(rounded) < PicoUnits.Bound;
        pico = fits ? (Int128)rounded : 0;
        return fits;
    }
}
