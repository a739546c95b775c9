using Quota.Shared.Amounts;

namespace Quota.Shared.Pricing;

/// <summary>What can be wrong with a price.</summary>
internal static class PriceMistakes
{
    /// <summary>More than these nobody offers.</summary>
    public const int MostTools = 50;

    /// <summary>Context sizes × tiers × times of day: what a worst case looks through before each call.</summary>
    public const int MostSituations = 500;

    private const decimal MostPrice = 1_000_000;
    private const long MostTokens = 1_000_000_000;
    private const int MostName = 255;

    public static IEnumerable<(string Field, string Problem)> Of(ModelPrice price)
    {
        var hasCurrency = Currency.TryParse(price.Currency, out var currency);
        if (!hasCurrency)
            yield return ("currency", $"'{price.Currency}' is not a currency: three letters such as USD");
        var digits = hasCurrency ? currency.Digits : 2;
        foreach (var (field, problem) in Rates.Of(price).Mistakes(digits))
            yield return (field, problem);
        foreach (var (field, value) in new[] { ("max_input_tokens", price.MaxInputTokens), ("max_output_tokens", price.MaxOutputTokens) })
        {
            if (value is < 1 or > MostTokens)
                yield return (field, $"{value} must lie between 1 and {MostTokens}");
        }
        if (price.Aliases.Count > ModelPrice.MostAliases)
            yield return ("aliases", $"there are {price.Aliases.Count}; at most {ModelPrice.MostAliases}");
        foreach (var (index, alias) in price.Aliases.Index().Where(alias => !IsName(alias.Item)))
            yield return ($"aliases[{index}]", $"'{alias}' must have 1 to {MostName} characters");
        if (price.Variants.Count > ModelPrice.MostVariants)
            yield return ("variants", $"there are {price.Variants.Count}; at most {ModelPrice.MostVariants}");
        else if (new PriceSituations(price.Variants).Count is > MostSituations and var count)
            yield return ("variants", $"their context sizes, tiers and times make {count} combinations; at most {MostSituations}");
        foreach (var (index, variant) in price.Variants.Index())
        {
            foreach (var (field, problem) in Of(variant, digits))
                yield return (field.Length == 0 ? $"variants[{index}]" : $"variants[{index}].{field}", problem);
        }
    }

    private static IEnumerable<(string Field, string Problem)> Of(PriceVariant variant, int digits)
    {
        if (variant.AboveInputTokens is < 0 or > MostTokens)
            yield return ("above_input_tokens", $"{variant.AboveInputTokens} must lie between 0 and {MostTokens}");
        if (variant.ServiceTier is { } tier && (!IsName(tier) || ServiceTiers.IsBase(tier)))
            yield return ("service_tier", $"'{tier}' is charged by the base rates; name another such as batch, flex or priority");
        if (variant.From is null != variant.To is null || (variant.From is not null && variant.From == variant.To))
            yield return ("from", "a time of day needs from and to, and they must differ");
        if (variant is { AboveInputTokens: null, ServiceTier: null, From: null, To: null })
            yield return ("", "needs a condition: above_input_tokens, service_tier, or from and to");
        var rates = Rates.Of(variant);
        if (rates.IsEmpty)
            yield return ("", "needs a rate that differs from the base");
        foreach (var mistake in rates.Mistakes(digits))
            yield return mistake;
    }

    /// <summary>
    /// As many decimals as a price can have and still be billionths of a nano-unit for one token, or for one of another unit: two less where
    /// a currency has no minor unit.
    /// </summary>
    public static string? OfRate(decimal value, bool perMillion, int currencyDigits)
    {
        if (value is < 0 or > MostPrice)
            return $"{value} must lie between 0 and {MostPrice}{(perMillion ? " per million tokens" : "")}";
        var most = (perMillion ? 12 : 18) - (currencyDigits == 0 ? 2 : 0);
        return HasMoreDecimals(value, most) ? $"{value} has more than {most} decimals" : null;
    }

    public static bool IsName(string? name) => name is { Length: > 0 and <= MostName };

    private static bool HasMoreDecimals(decimal value, int most)
    {
        for (; most > 0 && value != decimal.Truncate(value); most--)
            value = (value - decimal.Truncate(value)) * 10;
        return value != decimal.Truncate(value);
    }
}
