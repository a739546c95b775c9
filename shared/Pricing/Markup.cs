using Quota.Shared.Amounts;

namespace Quota.Shared.Pricing;

/// <summary>
/// The factor between a vendor's price and what an org pays: 1 unless it is said, more than 0, at most 1000, at most 4 decimals.
/// Exact for prices of up to 8 decimals per million tokens, or 14 per one; of finer ones each amount is rounded up to a billionth of a
/// nano-unit.
/// </summary>
public static class Markup
{
    private const decimal Most = 1000;

    /// <summary>What is wrong with it; null when it can be used.</summary>
    public static string? Mistake(decimal markup) =>
        markup is <= 0 or > Most ? $"{markup} must be more than 0 and at most {Most}, such as 1.25 for a quarter more than the price"
        : decimal.Truncate(markup * 10_000) != markup * 10_000 ? $"{markup} has more than 4 decimals"
        : null;

    /// <exception cref="OverflowException">2⁵³ nano-units or more.</exception>
    public static ExactNanos On(ExactNanos amount, decimal markup) => markup == 1 ? amount : UpToBillionth(amount.ToDecimal() * markup);

    /// <summary>An amount of nano-units that may be finer than a counter holds, rounded up to what it does.</summary>
    /// <exception cref="OverflowException">Negative, or 2⁵³ nano-units or more.</exception>
    public static ExactNanos UpToBillionth(decimal nanos)
    {
        var whole = decimal.Truncate(nanos);
        return ExactNanos.From(whole + decimal.Ceiling((nanos - whole) * ExactNanos.One) / ExactNanos.One);
    }
}
