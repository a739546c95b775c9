using System.Text.Json;
using Quota.Shared.Usage;

namespace Quota.Gateway.Providers.OpenAi;

/// <summary>OpenAI's usage object (CompletionUsage): prompt_tokens is all input, completion_tokens all output.</summary>
internal static class ChatUsage
{
    /// <summary>The counts of a usage object; null when it is not one, or its numbers are negative or do not fit.</summary>
    public static UsageCounts? Parse(ReadOnlySpan<byte> json)
    {
        try
        {
            var reader = new Utf8JsonReader(json);
            if (!JsonElement.TryParseValue(ref reader, out var parsed) || parsed is not { ValueKind: JsonValueKind.Object } usage)
                return null;
            if (Number(usage, "prompt_tokens") is not { } input)
                return null;
            var cached = Detail(usage, "prompt_tokens_details", "cached_tokens");
            // xAI counts reasoning beside completion_tokens; the total has both.
            var output = Math.Max(Number(usage, "completion_tokens") ?? 0, (Number(usage, "total_tokens") ?? 0) - input);
            var reasoning = Detail(usage, "completion_tokens_details", "reasoning_tokens");
            return cached > input || reasoning > output ? null : new UsageCounts
            {
                Requests = 1, InputTokens = input, CachedInputTokens = cached, OutputTokens = output, ReasoningTokens = reasoning,
            };
        }
        catch (Exception problem) when (problem is JsonException or InvalidOperationException)
        {
            return null;
        }
    }

    private static long Detail(JsonElement usage, string group, string field) =>
        usage.TryGetProperty(group, out var details) && details.ValueKind == JsonValueKind.Object ? Number(details, field) ?? 0 : 0;

    private static long? Number(JsonElement parent, string field) =>
        parent.TryGetProperty(field, out var value) && value.ValueKind == JsonValueKind.Number && value.TryGetInt64(out var number) && number is >= 0 and < int.MaxValue ? number : null;
}
