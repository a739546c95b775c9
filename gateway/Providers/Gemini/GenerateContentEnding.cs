using System.Buffers;
using System.Text.Json;
using Quota.Shared.Usage;

namespace Quota.Gateway.Providers.Gemini;

/// <summary>The element with which Gemini ends a stream that reached <c>maxOutputTokens</c>: an empty part, why, and the usage.</summary>
internal static class GenerateContentEnding
{
    /// <param name="finished">Candidates that have ended by themselves, a bit each.</param>
    /// <param name="id">The answer's id as JSON text, when it had one.</param>
    public static void Write(IBufferWriter<byte> output, int choices, ulong finished, string? model, byte[]? id, UsageCounts counted)
    {
        using var json = new Utf8JsonWriter(output);
        json.WriteStartObject();
        json.WriteStartArray("candidates");
        for (var index = 0; index < choices; index++)
        {
            if ((finished >> Math.Min(index, 63) & 1) == 0)
                WriteCandidate(json, index);
        }
        json.WriteEndArray();
        WriteUsage(json, counted);
        json.WriteString("modelVersion", model ?? "");
        if (id is not null)
        {
            json.WritePropertyName("responseId");
            json.WriteRawValue(id);
        }
        json.WriteEndObject();
    }

    private static void WriteCandidate(Utf8JsonWriter json, int index)
    {
        json.WriteStartObject();
        json.WriteStartObject("content");
        json.WriteStartArray("parts");
        json.WriteStartObject();
        json.WriteString("text", "");
        json.WriteEndObject();
        json.WriteEndArray();
        json.WriteString("role", "model");
        json.WriteEndObject();
        json.WriteString("finishReason", "MAX_TOKENS");
        json.WriteNumber("index", index);
        json.WriteEndObject();
    }

    private static void WriteUsage(Utf8JsonWriter json, UsageCounts counted)
    {
        json.WriteStartObject("usageMetadata");
        json.WriteNumber("promptTokenCount", counted.InputTokens);
        if (counted.CachedInputTokens > 0)
            json.WriteNumber("cachedContentTokenCount", counted.CachedInputTokens);
        json.WriteNumber("candidatesTokenCount", counted.OutputTokens - counted.ReasoningTokens);
        if (counted.ReasoningTokens > 0)
            json.WriteNumber("thoughtsTokenCount", counted.ReasoningTokens);
        json.WriteNumber("totalTokenCount", counted.InputTokens + counted.OutputTokens);
        json.WriteEndObject();
    }
}
