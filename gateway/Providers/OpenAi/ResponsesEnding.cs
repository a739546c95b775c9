using System.Buffers;
using System.Text.Json;
using Quota.Shared.Usage;

namespace Quota.Gateway.Providers.OpenAi;

/// <summary>
/// Ends a streamed response as OpenAI ends one that reached <c>max_output_tokens</c>: <c>response.incomplete</c>. What the response is
/// called and was asked is taken from its beginning; the text that passed is not said again.
/// </summary>
internal static class ResponsesEnding
{
    public static void Write(IBufferWriter<byte> output, byte[]? created, string? model, long sequence, UsageCounts counted)
    {
        output.Write("event: response.incomplete\ndata: "u8);
        using (var json = new Utf8JsonWriter(output))
        {
            json.WriteStartObject();
            json.WriteString("type", "response.incomplete");
            json.WriteNumber("sequence_number", sequence);
            json.WriteStartObject("response");
            if (created is not null && Kept(created) is { } kept)
            {
                foreach (var field in JsonElement.Parse(kept).EnumerateObject())
                    field.WriteTo(json);
            }
            else
            {
                json.WriteString("id", "resp_cut");
                json.WriteString("object", "response");
                json.WriteString("model", model ?? "");
                json.WriteStartArray("output");
                json.WriteEndArray();
            }
            json.WriteString("status", "incomplete");
            json.WriteStartObject("incomplete_details");
            json.WriteString("reason", "max_output_tokens");
            json.WriteEndObject();
            WriteUsage(json, counted);
            json.WriteEndObject();
            json.WriteEndObject();
        }
        output.Write("\n\n"u8);
    }

    /// <summary>What of the beginning stands in the end, too; null when it holds text that cannot be read.</summary>
    private static byte[]? Kept(byte[] created)
    {
        try
        {
            return JsonText.Of(json =>
            {
                foreach (var field in JsonElement.Parse(created).EnumerateObject())
                {
                    if (field.Name is not ("status" or "incomplete_details" or "usage"))
                        field.WriteTo(json);
                }
            });
        }
        catch (Exception problem) when (problem is JsonException or InvalidOperationException or ArgumentException)
        {
            return null;
        }
    }

    private static void WriteUsage(Utf8JsonWriter json, UsageCounts counted)
    {
        json.WriteStartObject("usage");
        json.WriteNumber("input_tokens", counted.InputTokens);
        json.WriteStartObject("input_tokens_details");
        json.WriteNumber("cached_tokens", counted.CachedInputTokens);
        json.WriteEndObject();
        json.WriteNumber("output_tokens", counted.OutputTokens);
        json.WriteStartObject("output_tokens_details");
        json.WriteNumber("reasoning_tokens", counted.ReasoningTokens);
        json.WriteEndObject();
        json.WriteNumber("total_tokens", counted.InputTokens + counted.OutputTokens);
        json.WriteEndObject();
    }
}
