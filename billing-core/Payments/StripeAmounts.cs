using System.Collections.Frozen;
using Quota.Shared.Amounts;

namespace Quota.Billing.Payments;

/// <summary>
/// The only place that turns our minor units into the integers Stripe's API takes and back. They are the same but for the special
/// cases of docs.stripe.com/currencies.
/// </summary>
internal static class StripeAmounts
{
    /// <summary>Eight digits, whatever the currency.</summary>
    private const long Largest = 99_999_999;

    /// <summary>Without a minor unit, yet written as hundredths at Stripe: 5 UGX is 500.</summary>
    private static readonly FrozenSet<string> WrittenAsHundredths = FrozenSet.Create("UGX");

    /// <summary>Written as hundredths, yet only whole units can be charged: 5 ISK is 500, and 550 is refused.</summary>
    private static readonly FrozenSet<string> WholeUnitsOnly = FrozenSet.Create("ISK");

    /// <summary>
    /// The amount Stripe is asked for. False when it cannot be charged exactly: too large, a fraction of a króna, or a third decimal
    /// that is not zero. It is never rounded here: what is charged is what the invoice says.
    /// </summary>
    public static bool TryToStripe(long minorUnits, Currency currency, out long amount)
    {
        amount = WrittenAsHundredths.Contains(currency.Code) && minorUnits <= Largest ? minorUnits * 100 : minorUnits;
        var step = currency.Digits == 3 ? 10 : WholeUnitsOnly.Contains(currency.Code) ? 100 : 1;
        return amount is > 0 and <= Largest && amount % step == 0;
    }

    /// <summary>What Stripe reports as received, in our minor units. False when it is no whole number of them.</summary>
    public static bool TryFromStripe(long amount, Currency currency, out long minorUnits)
    {
        var unit = WrittenAsHundredths.Contains(currency.Code) ? 100 : 1;
        minorUnits = amount / unit;
        return amount % unit == 0;
    }
}
