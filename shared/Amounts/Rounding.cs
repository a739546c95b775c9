namespace Quota.Shared.Amounts;

/// <summary>
/// The only file that rounds money: once per fee, half away from zero, to the currency's minor unit. (Holds round up, in
/// <see cref="ExactNanos.Ceiling"/>, so that they are never smaller than what they cover. Quantities are not money and round in the
/// billing core's <c>Metering/UnitRounding</c>.)
/// </summary>
public static class Rounding
{
    /// <summary>The name stored beside every amount rounded by <see cref="ToMinorUnits"/>.</summary>
    public const string Mode = "half_away_from_zero";

    /// <summary>An amount in major units (12.345 USD) as whole minor units (1235).</summary>
    /// <exception cref="OverflowException">The result does not fit 64 bits.</exception>
    public static long ToMinorUnits(decimal amount, Currency currency) =>
        checked((long)decimal.Round(amount * currency.MinorPerMajor, 0, MidpointRounding.AwayFromZero));
}
