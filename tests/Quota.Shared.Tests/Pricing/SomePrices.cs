using CsCheck;
using Quota.Shared.Pricing;
using Quota.Shared.Usage;

namespace Quota.Shared.Tests.Pricing;

/// <summary>Prices and usages as they may be, for properties.</summary>
internal static class SomePrices
{
    public static readonly DateTimeOffset Noon = new(2026, 11, 23, 12, 0, 0, TimeSpan.Zero);
    public static readonly PriceTerms Plain = new(null, Noon);

    /// <summary>Per million tokens, with up to 12 decimals.</summary>
    public static readonly Gen<decimal> Rate = Gen.Long[0, 100_000_000_000_000].Select(units => units / 1_000_000_000_000m);

    /// <summary>Per one of another unit, with up to 18 decimals.</summary>
    public static readonly Gen<decimal> One = Gen.Long[0, 2_000_000_000_000_000_000].Select(units => units / 1_000_000_000_000_000_000m);

    public static readonly Gen<string?> Tier = OneOf(null, "default", "flex", "Priority", "batch", "never heard of");

    private static readonly Gen<IReadOnlyDictionary<string, decimal>?> Tools = Gen.Select(One.Nullable(), One.Nullable(), (search, files) =>
        (IReadOnlyDictionary<string, decimal>?)new (string Name, decimal? Price)[] { ("web_search", search), ("file_search", files) }.Where(tool => tool.Price is not null).ToDictionary(tool => tool.Name, tool => tool.Price!.Value));

    private static readonly Gen<PriceVariant> Conditions = Gen.Select(
        OneOf<long?>(null, 0, 100_000, 128_000, 200_000), OneOf(null, "flex", "priority", "batch"), Gen.Int[0, 5], Gen.Int[0, 5]).Select((above, tier, from, to) => new PriceVariant
        {
            AboveInputTokens = above, ServiceTier = tier, From = from == to ? null : new TimeOnly(from * 4, 30), To = from == to ? null : new TimeOnly(to * 4, 30),
        }).Where(variant => variant is not { AboveInputTokens: null, ServiceTier: null, From: null });

    public static readonly Gen<PriceVariant> Variant = Gen.Select(
        Conditions, Gen.Select(Rate.Nullable(), Rate.Nullable(), Rate.Nullable(), Rate.Nullable(), Rate.Nullable()), Gen.Select(Rate, Rate.Nullable(), Rate.Nullable(), Rate.Nullable()),
        Gen.Select(One.Nullable(), One.Nullable(), One.Nullable(), One.Nullable()), Tools).Select((it, input, output, ones, tools) => it with
        {
            Input = input.Item1, CachedInput = input.Item2, CacheWrite = input.Item3, AudioInput = input.Item4, ImageInput = input.Item5, Output = output.Item1, Reasoning = output.Item2,
            AudioOutput = output.Item3, ImageOutput = output.Item4, PerRequest = ones.Item1, PerImage = ones.Item2, PerSecond = ones.Item3, PerCharacter = ones.Item4, ToolCalls = tools,
        });

    public static readonly Gen<ModelPrice> Price = Gen.Select(
        Gen.Select(Rate, Rate.Nullable(), Rate.Nullable(), Rate.Nullable(), Rate.Nullable()), Rate.Nullable(), Gen.Select(Rate, Rate.Nullable(), Rate.Nullable(), Rate.Nullable()),
        Gen.Select(One.Nullable(), One.Nullable(), One.Nullable(), One.Nullable()), Tools, Variant.List[0, 5]).Select((input, write1h, output, ones, tools, variants) => new ModelPrice
        {
            Provider = "openai", Model = "m", Currency = "USD", Version = "v", Input = input.Item1, CachedInput = input.Item2, CacheWrite = input.Item3, AudioInput = input.Item4,
            ImageInput = input.Item5, CacheWrite1h = write1h, Output = output.Item1, Reasoning = output.Item2, AudioOutput = output.Item3, ImageOutput = output.Item4,
            PerRequest = ones.Item1, PerImage = ones.Item2, PerSecond = ones.Item3, PerCharacter = ones.Item4, ToolCalls = tools, Variants = variants,
        });

    /// <summary>What a provider may report, even where its parts are more than its whole.</summary>
    public static readonly Gen<UsageCounts> Usage = Gen.Select(
        Gen.Select(Gen.Long[0, 300_000], Gen.Double[0, 1.2], Gen.Double[0, 1.2], Gen.Double[0, 1.5].Nullable()), Gen.Select(Gen.Double[0, 1.2].Nullable(), Gen.Double[0, 1.2].Nullable()),
        Gen.Select(Gen.Long[0, 20_000], Gen.Double[0, 1.2], Gen.Double[0, 1.2].Nullable(), Gen.Double[0, 1.2].Nullable()), Gen.Select(Gen.Long[0, 5], Gen.Long[0, 600], Gen.Long[0, 4_000]),
        Gen.Select(Gen.Long[0, 4], Gen.Long[0, 4])).Select((input, kinds, output, units, tools) => new UsageCounts
        {
            Requests = 1, InputTokens = input.Item1, CachedInputTokens = Part(input.Item1, input.Item2)!.Value, CacheWriteTokens = Part(input.Item1, input.Item3)!.Value,
            CacheWrite1hTokens = Part(input.Item1, input.Item4), AudioInputTokens = Part(input.Item1, kinds.Item1), ImageTokens = Part(input.Item1, kinds.Item2),
            OutputTokens = output.Item1, ReasoningTokens = Part(output.Item1, output.Item2)!.Value, AudioOutputTokens = Part(output.Item1, output.Item3), ImageOutputTokens = Part(output.Item1, output.Item4),
            Images = units.Item1, Seconds = units.Item2, Characters = units.Item3,
            ToolCalls = new Dictionary<string, long> { ["web_search"] = tools.Item1, ["file_search"] = tools.Item2 },
        });

    /// <summary>Any time of a day, to the second.</summary>
    public static readonly Gen<DateTimeOffset> At = Gen.Int[0, 86_399].Select(second => Noon.Date.AddSeconds(second)).Select(time => new DateTimeOffset(time, TimeSpan.Zero));

    /// <summary>What a gateway knows before a call with this usage.</summary>
    public static CallBounds BoundsOf(UsageCounts usage, string? asked, long moreInput = 0) => new()
    {
        InputTokens = usage.InputTokens + moreInput, WritesCache = usage.CacheWriteTokens > 0, WritesCacheForAnHour = usage.CacheWrite1hTokens > 0,
        HasAudio = usage.AudioInputTokens > 0 || usage.AudioOutputTokens > 0, HasImages = usage.ImageTokens > 0, ServiceTier = asked,
        Images = usage.Images ?? 0, Seconds = usage.Seconds ?? 0, Characters = usage.Characters ?? 0, ToolCalls = usage.ToolCalls,
    };

    public static ModelPrice Of(decimal input, decimal output) => new() { Provider = "openai", Model = "m", Currency = "USD", Version = "v", Input = input, Output = output };

    private static Gen<T> OneOf<T>(params T[] values) => Gen.Int[0, values.Length - 1].Select(at => values[at]);

    private static long? Part(long whole, double? share) => share is { } part ? (long)(whole * part) : null;
}
