using System.Text.Json;
using Quota.Shared.Usage;

namespace Quota.Gateway.Providers.Anthropic;

/// <summary>
/// Anthropic's usage object: <c>input_tokens</c> leaves out what was read from and written to a cache, so that all input is the sum of the
/// three (docs.claude.com/en/docs/build-with-claude/prompt-caching). A stream tells it twice, the second time in running totals and not
/// always whole: what comes later wins.
/// </summary>
/// <param name="WebSearches">Searches that are billed. What was fetched is not: it has no price but its tokens (…/agents-and-tools/tool-use/web-fetch-tool).</param>
/// <param name="ServiceTier">At which it was served: <c>standard</c>, <c>priority</c>, <c>batch</c> (docs.claude.com/en/api/service-tiers).</param>
internal readonly record struct MessagesUsage(long? Input, long? CacheRead, long? CacheWrite, long? CacheWrite1h, long? Output, long? WebSearches, string? ServiceTier)
{
    /// <summary>The numbers of a usage object; null when it is none, or a number is negative or does not fit.</summary>
    public static MessagesUsage? Parse(ReadOnlySpan<byte> json) => UsageObject.Parse(json, Of);

    public static MessagesUsage? Of(JsonElement usage)
    {
        if (usage.ValueKind != JsonValueKind.Object)
            return null;
        var isSound = true;
        long? Number(JsonElement parent, string field)
        {
            if (!parent.TryGetProperty(field, out var value) || value.ValueKind == JsonValueKind.Null)
                return null;
            if (value.ValueKind == JsonValueKind.Number && value.TryGetInt64(out var number) && number is >= 0 and < int.MaxValue)
                return number;
            isSound = false;
            return null;
        }
        long? Inside(string group, string field) => usage.TryGetProperty(group, out var inner) && inner.ValueKind == JsonValueKind.Object ? Number(inner, field) : null;
        var numbers = new MessagesUsage(
            Number(usage, "input_tokens"), Number(usage, "cache_read_input_tokens"), Number(usage, "cache_creation_input_tokens"), Inside("cache_creation", "ephemeral_1h_input_tokens"),
            Number(usage, "output_tokens"), Inside("server_tool_use", "web_search_requests"), TierOf(usage));
        return isSound ? numbers : null;
    }

    public MessagesUsage With(MessagesUsage later) =>
        new(later.Input ?? Input, later.CacheRead ?? CacheRead, later.CacheWrite ?? CacheWrite, later.CacheWrite1h ?? CacheWrite1h, later.Output ?? Output,
            later.WebSearches ?? WebSearches, later.ServiceTier ?? ServiceTier);

    /// <summary>Normalised; null while input or output is not known.</summary>
    public UsageCounts? Counts => Input is null || Output is null ? null : new UsageCounts
    {
        Requests = 1,
        InputTokens = Input.Value + (CacheRead ?? 0) + (CacheWrite ?? 0),
        CachedInputTokens = CacheRead ?? 0,
        CacheWriteTokens = CacheWrite ?? 0,
        CacheWrite1hTokens = CacheWrite1h is { } hour ? Math.Min(hour, CacheWrite ?? 0) : null,
        OutputTokens = Output.Value,
        ToolCalls = WebSearches > 0 ? new Dictionary<string, long> { [MessagesTool.WebSearch] = WebSearches.Value } : null,
    };

    private static string? TierOf(JsonElement usage) =>
        usage.TryGetProperty("service_tier", out var tier) && tier.ValueKind == JsonValueKind.String && tier.GetString() is { Length: > 0 and <= 64 } word ? word : null;
}
