namespace Quota.Shared.Amounts;

/// <summary>
/// The only file that rounds. Money is rounded once per fee, half away from zero, to the currency's minor unit;
/// holds are rounded up so that they are never smaller than what they cover.
/// </summary>
public static class Rounding
{
    /// <summary>The name stored beside every amount rounded by <see cref="ToMinorUnits"/>.</summary>
    public const string Mode = "half_away_from_zero";

    /// <summary>An amount in major units (12.345 USD) as whole minor units (1235).</summary>
    /// <exception cref="OverflowException">The result does not fit 64 bits.</exception>
    public static long ToMinorUnits(decimal amount, Currency currency) =>
        checked((long)decimal.Round(amount * currency.MinorPerMajor, 0, MidpointRounding.AwayFromZero));

    /// <summary>An amount rounded half away from zero to <paramref name="digits"/> decimals (0-28), for display only.</summary>
    public static decimal To(decimal amount, int digits) => decimal.Round(amount, digits, MidpointRounding.AwayFromZero);

    /// <summary>The smallest whole number not below <paramref name="amount"/>.</summary>
    /// <exception cref="OverflowException">The result does not fit 64 bits.</exception>
    public static long Up(decimal amount) => checked((long)decimal.Ceiling(amount));

    /// <summary>The largest whole number not above <paramref name="amount"/>.</summary>
    /// <exception cref="OverflowException">The result does not fit 64 bits.</exception>
    public static long Down(decimal amount) => checked((long)decimal.Floor(amount));
}
