using System.Text.Json;
using Quota.Shared.Usage;
using static Quota.Gateway.Providers.UsageObject;

namespace Quota.Gateway.Providers.OpenAi;

/// <summary>OpenAI's usage object (CompletionUsage): prompt_tokens is all input, completion_tokens all output; audio and images are parts of them.</summary>
internal static class ChatUsage
{
    /// <summary>The counts of a usage object; null when it is not one.</summary>
    public static UsageCounts? Parse(ReadOnlySpan<byte> json) => UsageObject.Parse(json, Of);

    public static UsageCounts? Of(JsonElement usage)
    {
        if (Number(usage, "prompt_tokens") is not { } input)
            return null;
        long In(string field) => Detail(usage, "prompt_tokens_details", field);
        long Out(string field) => Detail(usage, "completion_tokens_details", field);
        // xAI counts reasoning beside completion_tokens; the total has both.
        var output = Math.Max(Number(usage, "completion_tokens") ?? 0, (Number(usage, "total_tokens") ?? 0) - input);
        if (In("cached_tokens") > input || In("audio_tokens") + In("image_tokens") > input || Out("reasoning_tokens") + Out("audio_tokens") > output)
            return null;
        return new UsageCounts
        {
            Requests = 1,
            InputTokens = input,
            CachedInputTokens = In("cached_tokens"),
            OutputTokens = output,
            ReasoningTokens = Out("reasoning_tokens"),
            AudioInputTokens = Some(In("audio_tokens")),
            ImageTokens = Some(In("image_tokens")),
            AudioOutputTokens = Some(Out("audio_tokens")),
        };
    }

    /// <summary>A count as events have it: absent when there is nothing of it.</summary>
    public static long? Some(long count) => count > 0 ? count : null;
}
