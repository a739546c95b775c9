using System.Text.Json.Serialization;
using Quota.Shared.Usage;

namespace Quota.Shared.Pricing;

/// <summary>What one model costs: per million tokens, or per one of another unit; decimal text in files, <c>decimal</c> in code.</summary>
/// <remarks>
/// A price that is absent is unknown, never 0. Token rates that are absent fall back: <see cref="CachedInput"/>, <see cref="CacheWrite"/>,
/// <see cref="AudioInput"/> and <see cref="ImageInput"/> to <see cref="Input"/>, <see cref="CacheWrite1h"/> to <see cref="CacheWrite"/>,
/// <see cref="Reasoning"/>, <see cref="AudioOutput"/> and <see cref="ImageOutput"/> to <see cref="Output"/>. For a unit without a price
/// nothing is charged, so whoever lets such a call pass asks <see cref="Prices"/> first.
/// </remarks>
public sealed record ModelPrice
{
    /// <summary>More than these nobody offers.</summary>
    public const int MostVariants = 48, MostAliases = 100;

    public required string Provider { get; init; }

    /// <summary>The routed model's exact name, e.g. <c>gpt-4o-mini</c>.</summary>
    public required string Model { get; init; }

    /// <summary>Other exact names of the same model, e.g. <c>gpt-4o-mini-2024-07-18</c>.</summary>
    public IReadOnlyList<string> Aliases
    {
        get;
        init => field = ValueList<string>.Of(value);
    } = ValueList<string>.Empty;

    /// <summary>From when on it is in force; null: from ever. The prices of one model with different times are its history.</summary>
    public DateTimeOffset? EffectiveFrom { get; init; }

    public required string Currency { get; init; }

    /// <summary>Per million input tokens, 0 or more, at most 12 decimals; so are all token rates.</summary>
    public required decimal Input { get; init; }

    public decimal? CachedInput { get; init; }

    /// <summary>Per million tokens written to a cache for minutes.</summary>
    public decimal? CacheWrite { get; init; }

    /// <summary>Per million tokens written to a cache for an hour.</summary>
    [JsonPropertyName("cache_write_1h")]
    public decimal? CacheWrite1h { get; init; }

    public decimal? AudioInput { get; init; }

    public decimal? ImageInput { get; init; }

    /// <summary>Per million output tokens, reasoning included unless that has a rate of its own.</summary>
    public required decimal Output { get; init; }

    public decimal? Reasoning { get; init; }

    public decimal? AudioOutput { get; init; }

    public decimal? ImageOutput { get; init; }

    /// <summary>For each call that the provider bills, beside its tokens; 0 or more, at most 18 decimals, as all prices of one.</summary>
    public decimal? PerRequest { get; init; }

    public decimal? PerImage { get; init; }

    public decimal? PerSecond { get; init; }

    public decimal? PerCharacter { get; init; }

    /// <summary>Per call of a tool that the provider runs, by its name, e.g. <c>{"web_search": 0.01}</c>.</summary>
    public IReadOnlyDictionary<string, decimal>? ToolCalls
    {
        get;
        init => field = ValueMap<decimal>.Of(value);
    }

    /// <summary>Those whose every condition holds are laid over the base rates in this order: a later one wins.</summary>
    public IReadOnlyList<PriceVariant> Variants
    {
        get;
        init => field = ValueList<PriceVariant>.Of(value);
    } = ValueList<PriceVariant>.Empty;

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

    /// <summary>
    /// Whether a unit of <see cref="UsageCounts"/> has a price of its own: <c>requests</c>, <c>images</c>, <c>seconds</c>, <c>characters</c>,
    /// <c>cached_input_tokens</c>, <c>cache_write_tokens</c>, <c>cache_write_1h_tokens</c>, <c>audio_input_tokens</c>,
    /// <c>image_tokens</c>, <c>reasoning_tokens</c>, <c>audio_output_tokens</c>, <c>image_output_tokens</c>. Not told: those that only a variant knows.
    /// </summary>
    public bool Prices(string unit) => unit switch
    {
        "input_tokens" or "output_tokens" => true,
        "requests" => PerRequest is not null,
        "images" => PerImage is not null,
        "seconds" => PerSecond is not null,
        "characters" => PerCharacter is not null,
        "cached_input_tokens" => CachedInput is not null,
        "cache_write_tokens" => CacheWrite is not null,
        "cache_write_1h_tokens" => CacheWrite1h is not null,
        "audio_input_tokens" => AudioInput is not null,
        "image_tokens" => ImageInput is not null,
        "reasoning_tokens" => Reasoning is not null,
        "audio_output_tokens" => AudioOutput is not null,
        "image_output_tokens" => ImageOutput is not null,
        _ => throw new ArgumentOutOfRangeException(nameof(unit), unit, "not a unit"),
    };

    /// <summary>Whether calls of this tool have a price.</summary>
    public bool PricesTool(string name) => ToolCalls?.ContainsKey(name) == true;

    /// <summary>Whether calls at this tier have a price: the base price's tiers have, others when a variant names them.</summary>
    public bool PricesTier(string? tier) => ServiceTiers.IsBase(tier) || Variants.Any(variant => ServiceTiers.AreSame(variant.ServiceTier, tier));

    /// <summary>Every mistake of this price, each naming field (<c>variants[2].output</c>), value, rule; empty when it is usable.</summary>
    public IEnumerable<(string Field, string Problem)> Mistakes() => PriceMistakes.Of(this);
}
