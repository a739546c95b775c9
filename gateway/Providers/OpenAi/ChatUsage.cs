using System.Text.Json;
using Quota.Shared.Usage;

namespace Quota.Gateway.Providers.OpenAi;

/// <summary>OpenAI's usage object (CompletionUsage): prompt_tokens is all input, completion_tokens all output; audio and images are parts of them.</summary>
internal static class ChatUsage
{
    /// <summary>What the object says, each 0 where it says nothing; read in one pass, since every call has one.</summary>
    private struct Said
    {
        public long? Prompt, Completion, Total;
        public Details OfPrompt, OfCompletion;
    }

    /// <summary>Parts of the tokens of one side.</summary>
    private struct Details
    {
        public long Cached, Audio, Image, Reasoning;
    }

    /// <summary>The counts of a usage object; null when it is not one.</summary>
    public static UsageCounts? Parse(ReadOnlySpan<byte> json)
    {
        try
        {
            var reader = new Utf8JsonReader(json);
            return reader.Read() && reader.TokenType == JsonTokenType.StartObject ? Of(Read(ref reader)) : null;
        }
        catch (Exception problem) when (problem is JsonException or InvalidOperationException)
        {
            return null;
        }
    }

    /// <summary>A count as events have it: absent when there is nothing of it.</summary>
    public static long? Some(long count) => count > 0 ? count : null;

    private static UsageCounts? Of(Said said)
    {
        if (said.Prompt is not { } input)
            return null;
        // xAI counts reasoning beside completion_tokens; the total has both.
        var output = Math.Max(said.Completion ?? 0, (said.Total ?? 0) - input);
        if (said.OfPrompt.Cached > input || said.OfPrompt.Audio + said.OfPrompt.Image > input || said.OfCompletion.Reasoning + said.OfCompletion.Audio > output)
            return null;
        return new UsageCounts
        {
            Requests = 1,
            InputTokens = input,
            CachedInputTokens = said.OfPrompt.Cached,
            OutputTokens = output,
            ReasoningTokens = said.OfCompletion.Reasoning,
            AudioInputTokens = Some(said.OfPrompt.Audio),
            ImageTokens = Some(said.OfPrompt.Image),
            AudioOutputTokens = Some(said.OfCompletion.Audio),
        };
    }

    private static Said Read(ref Utf8JsonReader json)
    {
        var said = new Said();
        while (json.Read() && json.TokenType == JsonTokenType.PropertyName)
        {
            if (json.ValueTextEquals("prompt_tokens"u8))
                said.Prompt = UsageObject.Number(ref json);
            else if (json.ValueTextEquals("completion_tokens"u8))
                said.Completion = UsageObject.Number(ref json);
            else if (json.ValueTextEquals("total_tokens"u8))
                said.Total = UsageObject.Number(ref json);
            else if (json.ValueTextEquals("prompt_tokens_details"u8))
                said.OfPrompt = DetailsOf(ref json);
            else if (json.ValueTextEquals("completion_tokens_details"u8))
                said.OfCompletion = DetailsOf(ref json);
            else
                json.Skip();
        }
        return said;
    }

    private static Details DetailsOf(ref Utf8JsonReader json)
    {
        var said = new Details();
        if (!UsageObject.Enters(ref json))
            return said;
        while (json.Read() && json.TokenType == JsonTokenType.PropertyName)
        {
            if (json.ValueTextEquals("cached_tokens"u8))
                said.Cached = UsageObject.Number(ref json) ?? 0;
            else if (json.ValueTextEquals("audio_tokens"u8))
                said.Audio = UsageObject.Number(ref json) ?? 0;
            else if (json.ValueTextEquals("image_tokens"u8))
                said.Image = UsageObject.Number(ref json) ?? 0;
            else if (json.ValueTextEquals("reasoning_tokens"u8))
                said.Reasoning = UsageObject.Number(ref json) ?? 0;
            else
                json.Skip();
        }
        return said;
    }
}
