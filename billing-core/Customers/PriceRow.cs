using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;
using Quota.Shared.Pricing;

namespace Quota.Billing.Customers;

/// <summary>A dated price as <c>model_prices</c> keeps it: what most prices have in columns, the rest in <see cref="Terms"/>.</summary>
internal sealed record PriceRow
{
    public string Provider { get; init; } = "";

    public string Model { get; init; } = "";

    public DateTimeOffset EffectiveFrom { get; init; }

    public string Currency { get; init; } = "";

    public decimal Input { get; init; }

    public decimal? CachedInput { get; init; }

    public decimal? CacheWrite { get; init; }

    public decimal? CacheWrite1h { get; init; }

    public decimal Output { get; init; }

    public long? MaxInputTokens { get; init; }

    public long? MaxOutputTokens { get; init; }

    public bool? HiddenOutput { get; init; }

    /// <summary>JSON of <see cref="PriceTermsJson"/>; null when there is nothing in it.</summary>
    public string? Terms { get; init; }

    public static PriceRow Of(ModelPrice price)
    {
        var terms = PriceTermsJson.Of(price);
        return new PriceRow
        {
            Provider = price.Provider, Model = price.Model, EffectiveFrom = price.EffectiveFrom!.Value, Currency = price.Currency,
            Input = price.Input, CachedInput = price.CachedInput, CacheWrite = price.CacheWrite, CacheWrite1h = price.CacheWrite1h, Output = price.Output,
            MaxInputTokens = price.MaxInputTokens, MaxOutputTokens = price.MaxOutputTokens, HiddenOutput = price.HiddenOutput,
            Terms = terms == PriceTermsJson.None ? null : JsonSerializer.Serialize(terms, PriceRowJson.Default.PriceTermsJson),
        };
    }

    /// <summary>The price, named by its date.</summary>
    public ModelPrice ToPrice()
    {
        var terms = Terms is null ? PriceTermsJson.None : JsonSerializer.Deserialize(Terms, PriceRowJson.Default.PriceTermsJson)!;
        return new ModelPrice
        {
            Provider = Provider, Model = Model, EffectiveFrom = EffectiveFrom, Version = VersionOf(Provider, Model, EffectiveFrom), Currency = Currency,
            Input = Input, CachedInput = CachedInput, CacheWrite = CacheWrite, CacheWrite1h = CacheWrite1h, Output = Output,
            MaxInputTokens = MaxInputTokens, MaxOutputTokens = MaxOutputTokens, HiddenOutput = HiddenOutput,
            AudioInput = terms.AudioInput, ImageInput = terms.ImageInput, Reasoning = terms.Reasoning, AudioOutput = terms.AudioOutput, ImageOutput = terms.ImageOutput,
            PerRequest = terms.PerRequest, PerImage = terms.PerImage, PerSecond = terms.PerSecond, PerCharacter = terms.PerCharacter,
            ToolCalls = terms.ToolCalls, Variants = terms.Variants ?? [], Aliases = terms.Aliases ?? [],
        };
    }

    /// <summary>How a dated price is named in events: <c>openai/gpt-4o-mini@2026-11-01T00:00:00Z</c>.</summary>
    public static string VersionOf(string provider, string model, DateTimeOffset from) =>
        $"{provider}/{model}@{from.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.FFFFFF'Z'", CultureInfo.InvariantCulture)}";
}

/// <summary>What of a <see cref="ModelPrice"/> has no column. Lists are null when they are empty.</summary>
internal sealed record PriceTermsJson(
    decimal? AudioInput, decimal? ImageInput, decimal? Reasoning, decimal? AudioOutput, decimal? ImageOutput, decimal? PerRequest, decimal? PerImage,
    decimal? PerSecond, decimal? PerCharacter, IReadOnlyDictionary<string, decimal>? ToolCalls, IReadOnlyList<PriceVariant>? Variants, IReadOnlyList<string>? Aliases)
{
    public static readonly PriceTermsJson None = new(null, null, null, null, null, null, null, null, null, null, null, null);

    public static PriceTermsJson Of(ModelPrice price) => new(
        price.AudioInput, price.ImageInput, price.Reasoning, price.AudioOutput, price.ImageOutput, price.PerRequest, price.PerImage, price.PerSecond, price.PerCharacter,
        price.ToolCalls, price.Variants.Count > 0 ? price.Variants : null, price.Aliases.Count > 0 ? price.Aliases : null);
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(PriceTermsJson))]
internal sealed partial class PriceRowJson : JsonSerializerContext;
