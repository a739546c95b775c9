using System.Text.Json;
using Quota.Shared.Usage;
using static Quota.Gateway.Providers.UsageObject;

namespace Quota.Gateway.Providers.OpenAi;

/// <summary>What usage objects say beside OpenAI's, or otherwise. Costs are in US dollars.</summary>
internal static class OpenAiLikeUsage
{
    /// <summary>Tells what came from its cache also, and at first only, as <c>prompt_cache_hit_tokens</c> (api-docs.deepseek.com/guides/kv_cache): input is hits and misses.</summary>
    public static UsageCounts? DeepSeek(ReadOnlySpan<byte> json) => ChatUsage.Parse(json) is not { } counts ? null
        : Parse(json, usage => Number(usage, "prompt_cache_hit_tokens")) is { } hits && hits <= counts.InputTokens ? counts with { CachedInputTokens = hits } : counts;

    /// <summary>Audio in a chat is billed by the second (docs.mistral.ai/api, UsageInfo).</summary>
    public static UsageCounts? Mistral(ReadOnlySpan<byte> json) =>
        ChatUsage.Parse(json) is { } counts ? counts with { Seconds = ChatUsage.Some(Parse(json, usage => Number(usage, "prompt_audio_seconds")) ?? 0) } : null;

    /// <summary>Tells what was written to a cache, too (openrouter.ai/docs/use-cases/usage-accounting).</summary>
    public static UsageCounts? OpenRouter(ReadOnlySpan<byte> json)
    {
        var written = Parse(json, usage => Detail(usage, "prompt_tokens_details", "cache_write_tokens"));
        return ChatUsage.Parse(json) is { } counts && written <= counts.InputTokens - counts.CachedInputTokens ? counts with { CacheWriteTokens = written } : null;
    }

    /// <summary>
    /// What was charged, in credits, of which one is a dollar; with a key of one's own at the provider below (<c>is_byok</c>) that one's bill comes on
    /// top, and is else contained.
    /// </summary>
    public static decimal? OpenRouterCost(ReadOnlySpan<byte> json) => Parse(json, usage =>
    {
        var isOwnKey = usage.TryGetProperty("is_byok", out var own) && own.ValueKind == JsonValueKind.True;
        var below = isOwnKey && usage.TryGetProperty("cost_details", out var details) && details.ValueKind == JsonValueKind.Object ? Money(details, "upstream_inference_cost") ?? 0 : 0;
        return Money(usage, "cost") + below;
    });

    /// <summary>The exact amount billed, tools that it ran included, in 10⁻¹⁰ dollars (docs.x.ai/developers/cost-tracking).</summary>
    public static decimal? XaiCost(ReadOnlySpan<byte> json) => Parse(json, usage => Money(usage, "cost_in_usd_ticks") / 10_000_000_000);

    /// <summary>
    /// Deep research tells reasoning beside <c>completion_tokens</c> and what it read of sources beside <c>prompt_tokens</c>; searches are billed each
    /// (docs.perplexity.ai, UsageInfo).
    /// </summary>
    public static UsageCounts? Perplexity(ReadOnlySpan<byte> json) => Parse(json, usage =>
    {
        if (Number(usage, "prompt_tokens") is not { } prompt)
            return null;
        var reasoning = Number(usage, "reasoning_tokens") ?? 0;
        return new UsageCounts
        {
            Requests = 1,
            InputTokens = prompt + (Number(usage, "citation_tokens") ?? 0),
            OutputTokens = (Number(usage, "completion_tokens") ?? 0) + reasoning,
            ReasoningTokens = reasoning,
            ToolCalls = Number(usage, "num_search_queries") is > 0 and { } searches ? new Dictionary<string, long> { ["web_search"] = searches } : null,
        };
    });

    /// <summary>The whole call, its request fee included (docs.perplexity.ai, Cost).</summary>
    public static decimal? PerplexityCost(ReadOnlySpan<byte> json) =>
        Parse(json, usage => usage.TryGetProperty("cost", out var cost) && cost.ValueKind == JsonValueKind.Object ? Money(cost, "total_cost") : null);

    /// <summary>An amount of 0 or more; null for anything else.</summary>
    private static decimal? Money(JsonElement parent, string field) =>
        parent.TryGetProperty(field, out var value) && value.ValueKind == JsonValueKind.Number && value.TryGetDecimal(out var amount) && amount is >= 0 and < 1_000_000_000_000_000m ? amount : null;
}
