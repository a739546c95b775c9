using System.Text.Json;
using Quota.Shared.Usage;
using static Quota.Gateway.Providers.UsageObject;

namespace Quota.Gateway.Providers.Gemini;

/// <summary>
/// <c>usageMetadata</c> (ai.google.dev/api/generate-content#UsageMetadata). The prompt's count holds what was cached; what tools brought in and what
/// the model thought stand beside prompt and candidates, and the total is the sum of the four. Of embeddings it holds the prompt alone.
/// </summary>
internal static class GenerateContentUsage
{
    /// <summary>The counts of a usage object; null when it tells none, such as one with <c>trafficType</c> alone.</summary>
    public static UsageCounts? Parse(ReadOnlySpan<byte> json) => UsageObject.Parse(json, Of);

    private static UsageCounts? Of(JsonElement usage)
    {
        var (prompt, total) = (Number(usage, "promptTokenCount"), Number(usage, "totalTokenCount"));
        if (prompt is null && total is null)   // a count of 0 is left out, but not both at once
            return null;
        var input = (prompt ?? 0) + (Number(usage, "toolUsePromptTokenCount") ?? 0);
        var (candidates, thoughts, cached) = (Number(usage, "candidatesTokenCount") ?? 0, Number(usage, "thoughtsTokenCount") ?? 0, Number(usage, "cachedContentTokenCount") ?? 0);
        // Some models have counted thoughts among the candidates: then these alone make up the total.
        var output = total == input + candidates && thoughts <= candidates ? candidates : candidates + thoughts;
        return cached > input ? null : new UsageCounts
        {
            Requests = 1, InputTokens = input, CachedInputTokens = cached, OutputTokens = output, ReasoningTokens = thoughts,
            AudioInputTokens = Modality(usage, "AUDIO", input, "promptTokensDetails", "promptTokenDetails", "toolUsePromptTokensDetails"),
            ImageTokens = Modality(usage, "IMAGE", input, "promptTokensDetails", "promptTokenDetails", "toolUsePromptTokensDetails"),
            AudioOutputTokens = Modality(usage, "AUDIO", candidates, "candidatesTokensDetails"),
            ImageOutputTokens = Modality(usage, "IMAGE", candidates, "candidatesTokensDetails"),
        };
    }

    /// <summary>Tokens of one modality, at most all that there are; null when there are none of it.</summary>
    private static long? Modality(JsonElement usage, string modality, long most, params ReadOnlySpan<string> groups)
    {
        var sum = 0L;
        foreach (var group in groups)
        {
            if (!usage.TryGetProperty(group, out var details) || details.ValueKind != JsonValueKind.Array)
                continue;
            foreach (var detail in details.EnumerateArray())
            {
                if (detail.ValueKind == JsonValueKind.Object && detail.TryGetProperty("modality", out var name) && name.ValueKind == JsonValueKind.String && name.ValueEquals(modality))
                    sum += Number(detail, "tokenCount") ?? 0;
            }
        }
        return sum == 0 ? null : Math.Min(sum, most);
    }
}
