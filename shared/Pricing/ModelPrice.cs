using System.Text.Json.Serialization;
using Quota.Shared.Amounts;

namespace Quota.Shared.Pricing;

/// <summary>What one model costs, per million tokens, as decimal text on the wire and <c>decimal</c> in code.</summary>
/// <remarks>
/// A price that is absent is unknown, never 0: <see cref="CachedInput"/> and <see cref="CacheWrite"/> fall back to <see cref="Input"/>,
/// <see cref="CacheWrite1h"/> to <see cref="CacheWrite"/>.
/// </remarks>
public sealed record ModelPrice
{
    public required string Provider { get; init; }

    /// <summary>The routed model's exact name, e.g. <c>gpt-4o-mini</c>.</summary>
    public required string Model { get; init; }

    public required string Currency { get; init; }

    /// <summary>Per million input tokens, 0 or more, at most 12 decimals.</summary>
    public required decimal Input { get; init; }

    public decimal? CachedInput { get; init; }

    /// <summary>Per million tokens written to a cache for minutes.</summary>
    public decimal? CacheWrite { get; init; }

    /// <summary>Per million tokens written to a cache for an hour.</summary>
    [JsonPropertyName("cache_write_1h")]
    public decimal? CacheWrite1h { get; init; }

    /// <summary>Per million output tokens, reasoning included.</summary>
    public required decimal Output { get; init; }

    /// <summary>The model's context window, tokens; used as the bound of inputs that cannot be counted (images, audio).</summary>
    public long? MaxInputTokens { get; init; }

    /// <summary>The most output tokens one choice may have; used as the bound when the client names none.</summary>
    public long? MaxOutputTokens { get; init; }

    /// <summary>
    /// False: every output token is seen in the stream, so that holds may grow stepwise. True (reasoning that is billed and not shown) or
    /// unknown: they may not.
    /// </summary>
    public bool? HiddenOutput { get; init; }

    /// <summary>Names this price in events, e.g. <c>openai/gpt-4o-mini@2026-11-01T00:00:00Z</c>.</summary>
    public required string Version { get; init; }

    /// <summary>As many as a token's price can have and still be billionths of a nano-unit: 12, and 10 where there is no minor unit.</summary>
    private int MostDecimals => Amounts.Currency.TryParse(Currency, out var currency) && currency.Digits == 0 ? 10 : 12;

    private static bool HasMoreDecimals(decimal price, int digits)
    {
        var scaled = price * (digits == 10 ? 10_000_000_000m : 1_000_000_000_000m);
        return decimal.Truncate(scaled) != scaled;
    }

    /// <summary>Every mistake of this price, each naming field, value, rule; empty when it is usable.</summary>
    public IEnumerable<(string Field, string Problem)> Mistakes()
    {
        if (!Amounts.Currency.TryParse(Currency, out _))
            yield return ("currency", $"'{Currency}' is not a currency: three letters such as USD");
        foreach (var (field, value) in new[]
        {
            ("input", (decimal?)Input), ("cached_input", CachedInput), ("cache_write", CacheWrite), ("cache_write_1h", CacheWrite1h), ("output", Output),
        })
        {
            if (value is < 0 or > 1_000_000)
                yield return (field, $"{value} must lie between 0 and 1000000 per million tokens");
            else if (value is { } price && HasMoreDecimals(price, MostDecimals))
                yield return (field, $"{value} has more than {MostDecimals} decimals");
        }
        foreach (var (field, value) in new[] { ("max_input_tokens", MaxInputTokens), ("max_output_tokens", MaxOutputTokens) })
        {
            if (value is < 1 or > 1_000_000_000)
                yield return (field, $"{value} must lie between 1 and 1000000000");
        }
    }
}
