using System.Text.Json;

namespace Quota.Gateway.Providers.Anthropic;

/// <summary>What an event of a streamed message adds. Allocates nothing.</summary>
internal static class MessagesDelta
{
    private const long FramingOfToolCall = 64;

    /// <summary>
    /// Bytes of all that the model wrote into a <c>content_block_delta</c>: text, thinking, the input of tools; null when it is another event.
    /// As they stand in JSON, where escapes only make them more. A signature is no text of the model.
    /// </summary>
    public static long? TextBytes(ref Utf8JsonReader json)
    {
        var (isDelta, sum) = (false, 0L);
        if (!json.Read() || json.TokenType != JsonTokenType.StartObject)
            return null;
        while (json.Read() && json.TokenType == JsonTokenType.PropertyName)
        {
            var (isType, isContent) = (json.ValueTextEquals("type"u8), json.ValueTextEquals("delta"u8));
            json.Read();
            if (isType)
                isDelta = json.TokenType == JsonTokenType.String && json.ValueTextEquals("content_block_delta"u8);
            else if (isContent)
                sum += StringBytes(ref json);
            else
                json.Skip();
        }
        return isDelta ? sum : null;
    }

    /// <summary>
    /// Text that a block has from the start, such as the name of a tool. What frames a call of a tool is billed as output, too: about 40
    /// tokens in recordings.
    /// </summary>
    public static long TextBytesOf(JsonElement block)
    {
        var sum = block.TryGetProperty("type", out var type) && (type.ValueEquals("tool_use"u8) || type.ValueEquals("server_tool_use"u8)) ? FramingOfToolCall : 0;
        foreach (var field in (ReadOnlySpan<string>)["text", "thinking", "name", "data"])
        {
            if (block.TryGetProperty(field, out var value) && value.ValueKind == JsonValueKind.String)
                sum += System.Text.Encoding.UTF8.GetByteCount(value.GetString()!);
        }
        return sum;
    }

    /// <summary>Whether a block holds what a search of the web found: it is billed then, and is not when it failed, which is an object and no list.</summary>
    public static bool IsSearch(JsonElement block) =>
        block.TryGetProperty("type", out var type) && type.ValueEquals("web_search_tool_result"u8) && block.TryGetProperty("content", out var found) && found.ValueKind == JsonValueKind.Array;

    private static long StringBytes(ref Utf8JsonReader json)
    {
        var (depth, sum, counts) = (json.CurrentDepth, 0L, true);
        if (json.TokenType is not (JsonTokenType.StartObject or JsonTokenType.StartArray))
            return 0;
        while (json.Read() && json.CurrentDepth > depth)
        {
            if (json.TokenType == JsonTokenType.PropertyName)
                counts = !(json.ValueTextEquals("type"u8) || json.ValueTextEquals("signature"u8));
            else if (json.TokenType == JsonTokenType.String && counts)
                sum += json.ValueSpan.Length;
        }
        return sum;
    }
}
