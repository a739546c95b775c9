using System.Text.Json.Serialization;
using Quota.Shared.Usage;

namespace Quota.Shared.Pricing;

/// <summary>
/// Rates that hold instead of a model's base rates when every condition that is named here holds: one mechanism for tiers by context size,
/// for batch, flex and priority, for times of day, and for all of them together. A rate that is absent stays what it was.
/// </summary>
public sealed record PriceVariant
{
    /// <summary>The call's whole input is more tokens than this; then the rates hold for all of the call's tokens.</summary>
    public long? AboveInputTokens { get; init; }

    /// <summary>The call was answered at this tier: <c>batch</c>, <c>flex</c>, <c>priority</c>, …; upper and lower case are one.</summary>
    public string? ServiceTier { get; init; }

    /// <summary>From this time of day, UTC; with <see cref="To"/>, half-open. A later time than <see cref="To"/> wraps midnight.</summary>
    public TimeOnly? From { get; init; }

    public TimeOnly? To { get; init; }

    /// <inheritdoc cref="ModelPrice.Input"/>
    public decimal? Input { get; init; }

    public decimal? CachedInput { get; init; }

    public decimal? CacheWrite { get; init; }

    [JsonPropertyName("cache_write_1h")]
    public decimal? CacheWrite1h { get; init; }

    public decimal? AudioInput { get; init; }

    public decimal? ImageInput { get; init; }

    public decimal? Output { get; init; }

    public decimal? Reasoning { get; init; }

    public decimal? AudioOutput { get; init; }

    public decimal? ImageOutput { get; init; }

    public decimal? PerRequest { get; init; }

    public decimal? PerImage { get; init; }

    public decimal? PerSecond { get; init; }

    public decimal? PerCharacter { get; init; }

    /// <summary>Each tool that is named replaces that tool's price; the others stay.</summary>
    public IReadOnlyDictionary<string, decimal>? ToolCalls
    {
        get;
        init => field = ValueMap<decimal>.Of(value);
    }
}
