using System.Globalization;

namespace Quota.Shared.Amounts;

/// <summary>
/// Money as the counters hold it: integers of 10⁻⁷ of the minor unit (10⁻⁹ USD, 10⁻⁷ JPY).
/// Lua compares them as doubles, so every amount stays below 2⁵³: about 9 million USD or 900 million VND.
/// </summary>
public static class NanoUnits
{
    /// <summary>Counters and limits stay strictly below this, so that Lua's doubles hold them exactly.</summary>
    public const long Ceiling = 1L << 53;

    /// <summary>Nano-units of one major unit: 10⁹ for two digits, 10⁷ for none, 10¹⁰ for three.</summary>
    public static long PerMajor(Currency currency) => checked(currency.MinorPerMajor * 10_000_000L);

    /// <summary>A decimal amount in major units as nano-units; false when a fraction is left, it is negative, or at 2⁵³ and above.</summary>
    public static bool TryFrom(decimal amount, Currency currency, out long nanos)
    {
        nanos = 0;
        if (amount < 0 || amount > Ceiling)
            return false;
        var exact = amount * PerMajor(currency);
        if (exact != decimal.Truncate(exact) || exact >= Ceiling)
            return false;
        nanos = (long)exact;
        return true;
    }

    /// <summary>Nano-units as major units, exactly.</summary>
    public static decimal ToDecimal(long nanos, Currency currency) => (decimal)nanos / PerMajor(currency);

    /// <summary>Nano-units as decimal text in major units without trailing zeros: 1500000000 USD → "1.5".</summary>
    public static string ToText(long nanos, Currency currency) =>
        ToDecimal(nanos, currency).ToString("0.##########", CultureInfo.InvariantCulture);
}
