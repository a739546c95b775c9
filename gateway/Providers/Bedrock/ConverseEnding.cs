using System.Text.Json;
using Quota.Shared.Usage;

namespace Quota.Gateway.Providers.Bedrock;

/// <summary>
/// What ends a conversation as Bedrock ends one that reached <c>maxTokens</c>: the open block stops, <c>messageStop</c> says why, <c>metadata</c> how much.
/// One that has not begun begins first, empty.
/// </summary>
internal static class ConverseEnding
{
    /// <summary>Names of events, and what they say as JSON.</summary>
    public static IEnumerable<(string Name, byte[] Payload)> Events(BlockProgress now, UsageCounts counted)
    {
        if (!now.HasBegun)
            yield return ("messageStart", "{\"role\":\"assistant\"}"u8.ToArray());
        if (now.OpenBlock is { } block)
            yield return ("contentBlockStop", JsonText.Of(json => json.WriteNumber("contentBlockIndex", block)));
        if (!now.HasStopped)
            yield return ("messageStop", "{\"stopReason\":\"max_tokens\"}"u8.ToArray());
        yield return ("metadata", JsonText.Of(json => WriteMetadata(json, counted)));
    }

    private static void WriteMetadata(Utf8JsonWriter json, UsageCounts counted)
    {
        json.WriteStartObject("usage");
        json.WriteNumber("inputTokens", counted.InputTokens - counted.CachedInputTokens - counted.CacheWriteTokens);
        json.WriteNumber("outputTokens", counted.OutputTokens);
        json.WriteNumber("totalTokens", counted.InputTokens + counted.OutputTokens);
        json.WriteNumber("cacheReadInputTokens", counted.CachedInputTokens);
        json.WriteNumber("cacheWriteInputTokens", counted.CacheWriteTokens);
        json.WriteEndObject();
        json.WriteStartObject("metrics");
        json.WriteNumber("latencyMs", 0);
        json.WriteEndObject();
    }
}
