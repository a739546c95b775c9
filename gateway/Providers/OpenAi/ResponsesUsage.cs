using System.Text.Json;
using Quota.Shared.Usage;

namespace Quota.Gateway.Providers.OpenAi;

/// <summary>The usage object of a response (ResponseUsage): input_tokens is all input, output_tokens all output.</summary>
internal static class ResponsesUsage
{
    /// <summary>The counts of a usage object; null when it is not one, or its numbers are negative or do not fit.</summary>
    public static UsageCounts? Parse(ReadOnlySpan<byte> json)
    {
        try
        {
            var reader = new Utf8JsonReader(json);
            return JsonElement.TryParseValue(ref reader, out var usage) ? Of(usage.Value) : null;
        }
        catch (Exception problem) when (problem is JsonException or InvalidOperationException)
        {
            return null;
        }
    }

    public static UsageCounts? Of(JsonElement usage)
    {
        if (usage.ValueKind != JsonValueKind.Object || Number(usage, "input_tokens") is not { } input || Number(usage, "output_tokens") is not { } output)
            return null;
        var (cached, reasoning) = (Detail(usage, "input_tokens_details", "cached_tokens"), Detail(usage, "output_tokens_details", "reasoning_tokens"));
        return cached > input || reasoning > output ? null
            : new UsageCounts { Requests = 1, InputTokens = input, CachedInputTokens = cached, OutputTokens = output, ReasoningTokens = reasoning };
    }

    private static long Detail(JsonElement usage, string group, string field) =>
        usage.TryGetProperty(group, out var details) && details.ValueKind == JsonValueKind.Object ? Number(details, field) ?? 0 : 0;

    private static long? Number(JsonElement parent, string field) =>
        parent.TryGetProperty(field, out var value) && value.ValueKind == JsonValueKind.Number && value.TryGetInt64(out var number) && number is >= 0 and < int.MaxValue ? number : null;
}
