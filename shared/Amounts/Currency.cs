using System.Collections.Frozen;

namespace Quota.Shared.Amounts;

/// <summary>
/// An ISO 4217 currency: three upper-case letters and the number of digits of its minor unit.
/// Digits follow ISO 4217 and Stripe's list of zero- and three-decimal currencies (docs.stripe.com/currencies).
/// </summary>
public readonly record struct Currency
{
    private static readonly FrozenSet<string> NoMinorUnit = FrozenSet.Create(
        "BIF", "CLP", "DJF", "GNF", "JPY", "KMF", "KRW", "MGA", "PYG", "RWF", "UGX", "VND", "VUV", "XAF", "XOF", "XPF");

    private static readonly FrozenSet<string> ThreeDigits = FrozenSet.Create("BHD", "JOD", "KWD", "OMR", "TND");

    public static readonly Currency Usd = Parse("USD");

    private Currency(string code, int digits) => (Code, Digits) = (code, digits);

    /// <summary>Three upper-case letters; null only in <c>default</c>, which no method accepts.</summary>
    public string Code { get; }

    /// <summary>Decimal digits of the minor unit: 0, 2 or 3.</summary>
    public int Digits { get; }

    /// <summary>How many minor units make one unit: 1, 100 or 1000.</summary>
    public long MinorPerMajor => Digits switch { 0 => 1, 3 => 1000, _ => 100 };

    /// <exception cref="FormatException">The text is not three letters A-Z.</exception>
    public static Currency Parse(string text) =>
        TryParse(text, out var currency) ? currency : throw new FormatException($"'{text}' is not a currency: three letters such as USD.");

    public static bool TryParse(string? text, out Currency currency)
    {
        currency = default;
        if (text is not { Length: 3 } || !text.All(char.IsAsciiLetter))
            return false;
        var code = text.ToUpperInvariant();
        currency = new Currency(code, NoMinorUnit.Contains(code) ? 0 : ThreeDigits.Contains(code) ? 3 : 2);
        return true;
    }

    public override string ToString() => Code ?? "(no currency)";
}
