using System.Text;
using System.Text.Json;
using Quota.Shared.Usage;

namespace Quota.Gateway.Providers.Bedrock;

/// <summary>What ends an invoked model's stream as one that reached its bound, in the model's own grammar; the last chunk has Bedrock's count.</summary>
internal static class InvokeEnding
{
    public const string Metrics = "amazon-bedrock-invocationMetrics";

    /// <summary>What each chunk says, as JSON.</summary>
    /// <param name="family">Null for Anthropic's.</param>
    public static IEnumerable<byte[]> Chunks(ModelFamily? family, BlockProgress now, UsageCounts counted)
    {
        if (family is null)
            return Messages(now, counted);
        if (family.Ending is { } fields)
            return [[.. "{"u8, .. Encoding.UTF8.GetBytes(fields), .. ","u8, .. JsonText.Of(json => WriteMetrics(json, counted))[1..]]];
        return ConverseEnding.Events(now, counted).Select(said => JsonText.Of(json =>
        {
            json.WritePropertyName(said.Name);
            json.WriteRawValue(said.Payload);
            if (said.Name == "metadata")
                WriteMetrics(json, counted);
        }));
    }

    private static IEnumerable<byte[]> Messages(BlockProgress now, UsageCounts counted)
    {
        if (!now.HasBegun)
            yield return Encoding.UTF8.GetBytes($$$$"""{"type":"message_start","message":{"id":"msg_cut","type":"message","role":"assistant","model":"","content":[],"stop_reason":null,"stop_sequence":null,"usage":{"input_tokens":{{{{counted.InputTokens}}}},"output_tokens":0}}}""");
        if (now.OpenBlock is { } block)
            yield return Encoding.UTF8.GetBytes($$"""{"type":"content_block_stop","index":{{block}}}""");
        if (!now.HasStopped)
            yield return Encoding.UTF8.GetBytes($$$"""{"type":"message_delta","delta":{"stop_reason":"max_tokens","stop_sequence":null},"usage":{"output_tokens":{{{counted.OutputTokens}}}}}""");
        yield return JsonText.Of(json =>
        {
            json.WriteString("type", "message_stop");
            WriteMetrics(json, counted);
        });
    }

    private static void WriteMetrics(Utf8JsonWriter json, UsageCounts counted)
    {
        json.WriteStartObject(Metrics);
        json.WriteNumber("inputTokenCount", counted.InputTokens - counted.CachedInputTokens - counted.CacheWriteTokens);
        json.WriteNumber("outputTokenCount", counted.OutputTokens);
        json.WriteNumber("invocationLatency", 0);
        json.WriteNumber("firstByteLatency", 0);
        json.WriteNumber("cacheReadInputTokenCount", counted.CachedInputTokens);
        json.WriteNumber("cacheWriteInputTokenCount", counted.CacheWriteTokens);
        json.WriteEndObject();
    }
}
