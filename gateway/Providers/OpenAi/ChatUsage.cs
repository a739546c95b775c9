using System.Text.Json;
using Quota.Shared.Usage;
using static Quota.Gateway.Providers.UsageObject;

namespace Quota.Gateway.Providers.OpenAi;

/// <summary>OpenAI's usage object (CompletionUsage): prompt_tokens is all input, completion_tokens all output.</summary>
internal static class ChatUsage
{
    /// <summary>The counts of a usage object; null when it is not one.</summary>
    public static UsageCounts? Parse(ReadOnlySpan<byte> json) => UsageObject.Parse(json, Of);

    private static UsageCounts? Of(JsonElement usage)
    {
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
}
