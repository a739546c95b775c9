using System.Globalization;

namespace Quota.Shared.Pricing.Import;

/// <summary>
/// The name of one of LiteLLM's price fields, taken apart: <c>input_cost_per_token_above_200k_tokens_priority</c> is
/// <c>input_cost_per_token</c> when the input is more than 200,000 tokens and the call is answered at <c>priority</c>.
/// </summary>
internal readonly record struct LiteLlmField(string Stem, long? Above, string? Tier)
{
    private const string AboveWord = "_above_", TokensWord = "k_tokens";

    private static readonly (string Suffix, string Tier)[] Tiers = [("_batches", "batch"), ("_flex", "flex"), ("_priority", "priority")];

    /// <summary>Rates per token, by what is left of the name.</summary>
    private static readonly Dictionary<string, Rate> Tokens = new(StringComparer.Ordinal)
    {
        ["input_cost_per_token"] = Pricing.Import.Rate.Input,
        ["output_cost_per_token"] = Pricing.Import.Rate.Output,
        ["cache_read_input_token_cost"] = Pricing.Import.Rate.CachedInput,
        ["input_cost_per_token_cache_hit"] = Pricing.Import.Rate.CachedInput,
        ["cache_creation_input_token_cost"] = Pricing.Import.Rate.CacheWrite,
        ["cache_creation_input_token_cost_above_1hr"] = Pricing.Import.Rate.CacheWrite1h,
        ["input_cost_per_audio_token"] = Pricing.Import.Rate.AudioInput,
        ["output_cost_per_audio_token"] = Pricing.Import.Rate.AudioOutput,
        ["input_cost_per_image_token"] = Pricing.Import.Rate.ImageInput,
        ["output_cost_per_image_token"] = Pricing.Import.Rate.ImageOutput,
        ["output_cost_per_reasoning_token"] = Pricing.Import.Rate.Reasoning,
    };

    /// <summary>The rate of this field, when it is one per token.</summary>
    public Rate? Rate => Tokens.TryGetValue(Stem, out var rate) ? rate : null;

    /// <summary>Whether a field of this name costs something, known here or not. Multipliers of regional endpoints do not: they are other endpoints.</summary>
    public static bool IsPrice(string name) => name.Contains("cost", StringComparison.Ordinal) || name.Contains("pric", StringComparison.Ordinal);

    public static LiteLlmField Parse(string name)
    {
        var (stem, above, tier) = (name, (long?)null, (string?)null);
        foreach (var (suffix, word) in Tiers)
        {
            if (!stem.EndsWith(suffix, StringComparison.Ordinal))
                continue;
            (stem, tier) = (stem[..^suffix.Length], word);
            break;
        }
        var at = stem.LastIndexOf(AboveWord, StringComparison.Ordinal);
        if (at > 0 && stem.EndsWith(TokensWord, StringComparison.Ordinal)
            && int.TryParse(stem.AsSpan(at + AboveWord.Length, Math.Max(0, stem.Length - at - AboveWord.Length - TokensWord.Length)), NumberStyles.None, CultureInfo.InvariantCulture, out var thousands)
            && thousands is > 0 and <= 1_000_000)
            (stem, above) = (stem[..at], thousands * 1000L);
        return new LiteLlmField(stem, above, tier);
    }
}
