using System.Text.Json;
using Quota.Shared.Usage;
using static Quota.Gateway.Providers.UsageObject;

namespace Quota.Gateway.Providers.OpenAi;

/// <summary>The usage object of a response (ResponseUsage): input_tokens is all input, output_tokens all output.</summary>
internal static class ResponsesUsage
{
    /// <summary>The counts of a usage object; null when it is not one.</summary>
    public static UsageCounts? Parse(ReadOnlySpan<byte> json) => UsageObject.Parse(json, Of);

    public static UsageCounts? Of(JsonElement usage)
    {
        if (Number(usage, "input_tokens") is not { } input || Number(usage, "output_tokens") is not { } output)
            return null;
        var (cached, reasoning) = (Detail(usage, "input_tokens_details", "cached_tokens"), Detail(usage, "output_tokens_details", "reasoning_tokens"));
        return cached > input || reasoning > output ? null
            : new UsageCounts { Requests = 1, InputTokens = input, CachedInputTokens = cached, OutputTokens = output, ReasoningTokens = reasoning };
    }
}
