using System.Text.Json;
using Quota.Shared.Usage;
using static Quota.Gateway.Providers.UsageObject;

namespace Quota.Gateway.Providers.Bedrock;

/// <summary>
/// Usage in Bedrock's own words. The count of input leaves out what was read from and written to a cache: all input is the sum of the three
/// (docs.aws.amazon.com/bedrock/latest/userguide/prompt-caching.html). Output is all output; reasoning is not told apart.
/// </summary>
internal static class BedrockUsage
{
    /// <summary>
    /// Of Converse (API_runtime_TokenUsage): <c>inputTokens, outputTokens, cacheReadInputTokens, cacheWriteInputTokens, cacheDetails[{ttl, inputTokens}]</c>, the
    /// last of what was written. Nova says the same when it is invoked.
    /// </summary>
    public static UsageCounts? OfTokens(JsonElement usage) =>
        Of(usage, "inputTokens", "outputTokens", "cacheReadInputTokens", "cacheWriteInputTokens") is not { } counts ? null
        : WrittenForAnHour(usage) is { } hour ? counts with { CacheWrite1hTokens = Math.Min(hour, counts.CacheWriteTokens) } : counts;

    /// <summary>Of an invoked model's stream: <c>amazon-bedrock-invocationMetrics</c> in the last chunk.</summary>
    public static UsageCounts? OfMetrics(JsonElement metrics) => Of(metrics, "inputTokenCount", "outputTokenCount", "cacheReadInputTokenCount", "cacheWriteInputTokenCount");

    /// <summary>Of either object; null when it is none.</summary>
    public static UsageCounts? Parse(ReadOnlySpan<byte> json) => UsageObject.Parse(json, usage => OfTokens(usage) ?? OfMetrics(usage));

    private static UsageCounts? Of(JsonElement usage, string input, string output, string read, string write)
    {
        if (Number(usage, input) is not { } uncached || Number(usage, output) is not { } written)
            return null;
        var (cached, kept) = (Number(usage, read) ?? 0, Number(usage, write) ?? 0);
        return new UsageCounts { Requests = 1, InputTokens = uncached + cached + kept, CachedInputTokens = cached, CacheWriteTokens = kept, OutputTokens = written };
    }

    private static long? WrittenForAnHour(JsonElement usage)
    {
        if (!usage.TryGetProperty("cacheDetails", out var details) || details.ValueKind != JsonValueKind.Array)
            return null;
        var sum = 0L;
        foreach (var detail in details.EnumerateArray())
        {
            if (detail.ValueKind == JsonValueKind.Object && detail.TryGetProperty("ttl", out var ttl) && ttl.ValueEquals("1h"u8))
                sum += Number(detail, "inputTokens") ?? 0;
        }
        return sum;
    }
}
