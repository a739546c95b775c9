using Quota.Shared.Pricing;
using Quota.Shared.Usage;

namespace Quota.Shared.Tests.Pricing;

/// <summary>
/// What a call costs, worked out from the price's own words the long way: no table of situations, variants looked at one by one. In major
/// units.
/// </summary>
internal static class PlainPrice
{
    public static decimal Amount(ModelPrice price, UsageCounts usage, PriceTerms terms)
    {
        if (terms.ServiceTier is null or "default")
            return Amount(price, usage, terms.At, null);
        var known = price.Variants.Select(variant => variant.ServiceTier?.ToLowerInvariant()).OfType<string>().Distinct().ToArray();
        var tier = terms.ServiceTier.ToLowerInvariant();
        return known.Contains(tier) ? Amount(price, usage, terms.At, tier) : known.Append(null).Max(other => Amount(price, usage, terms.At, other));
    }

    private static decimal Amount(ModelPrice price, UsageCounts usage, DateTimeOffset at, string? tier)
    {
        foreach (var variant in price.Variants)
        {
            if (Holds(variant, usage, at, tier))
                price = Laid(variant, price);
        }
        var hour = Math.Min(usage.CacheWrite1hTokens ?? 0, usage.CacheWriteTokens);
        var write = price.CacheWrite ?? price.Input;
        var tokens =
            Pools(usage.InputTokens, price.Input, (usage.CachedInputTokens, price.CachedInput), (hour, price.CacheWrite1h ?? write), (usage.CacheWriteTokens - hour, write), (usage.AudioInputTokens ?? 0, price.AudioInput), (usage.ImageTokens ?? 0, price.ImageInput))
            + Pools(usage.OutputTokens, price.Output, (usage.ReasoningTokens, price.Reasoning), (usage.AudioOutputTokens ?? 0, price.AudioOutput), (usage.ImageOutputTokens ?? 0, price.ImageOutput));
        var ones = usage.Requests * (price.PerRequest ?? 0) + (usage.Images ?? 0) * (price.PerImage ?? 0) + (usage.Seconds ?? 0) * (price.PerSecond ?? 0) + (usage.Characters ?? 0) * (price.PerCharacter ?? 0);
        return tokens / 1_000_000 + ones + (usage.ToolCalls ?? new Dictionary<string, long>()).Sum(tool => price.ToolCalls?.TryGetValue(tool.Key, out var each) == true ? tool.Value * each : 0);
    }

    private static decimal Pools(long all, decimal rest, params (long Tokens, decimal? Rate)[] pools)
    {
        var sum = 0m;
        foreach (var (tokens, rate) in pools)
        {
            var taken = Math.Min(tokens, all);
            (sum, all) = (sum + taken * (rate ?? rest), all - taken);
        }
        return sum + all * rest;
    }

    private static bool Holds(PriceVariant variant, UsageCounts usage, DateTimeOffset at, string? tier)
    {
        var now = TimeOnly.FromDateTime(at.UtcDateTime);
        var (from, to) = (variant.From, variant.To);
        return (variant.AboveInputTokens is null || usage.InputTokens > variant.AboveInputTokens)
            && (variant.ServiceTier is null || variant.ServiceTier.Equals(tier, StringComparison.OrdinalIgnoreCase))
            && (from is null || (from < to ? now >= from && now < to : now >= from || now < to));
    }

    private static ModelPrice Laid(PriceVariant it, ModelPrice price) => price with
    {
        Input = it.Input ?? price.Input, CachedInput = it.CachedInput ?? price.CachedInput, CacheWrite = it.CacheWrite ?? price.CacheWrite, CacheWrite1h = it.CacheWrite1h ?? price.CacheWrite1h,
        AudioInput = it.AudioInput ?? price.AudioInput, ImageInput = it.ImageInput ?? price.ImageInput, Output = it.Output ?? price.Output, Reasoning = it.Reasoning ?? price.Reasoning,
        AudioOutput = it.AudioOutput ?? price.AudioOutput, ImageOutput = it.ImageOutput ?? price.ImageOutput, PerRequest = it.PerRequest ?? price.PerRequest, PerImage = it.PerImage ?? price.PerImage,
        PerSecond = it.PerSecond ?? price.PerSecond, PerCharacter = it.PerCharacter ?? price.PerCharacter,
        ToolCalls = (price.ToolCalls ?? new Dictionary<string, decimal>()).Where(tool => it.ToolCalls?.ContainsKey(tool.Key) != true).Concat(it.ToolCalls ?? new Dictionary<string, decimal>()).ToDictionary(tool => tool.Key, tool => tool.Value),
    };
}
