using System.Buffers;
using System.Text.Json;

namespace Quota.TestKit;

/// <summary>
/// Reads the body of a Messages request. Input tokens are the words of the system prompt and of every message: strings, text blocks,
/// and what lies in the content of other blocks, such as results of tools. The words of a block with <c>cache_control</c> are written
/// to the cache; what <c>cached:n</c> asks for is read from it, on top of the words that were sent. What searches find has no words.
/// </summary>
internal static class MessagesReader
{
    /// <summary>As <see cref="IDialect.Read"/>; counting tokens alone needs no <c>max_tokens</c>.</summary>
    public static void Read(in ReadOnlySequence<byte> body, ChatCall call, bool needsBound)
    {
        try
        {
            using var document = JsonDocument.Parse(body);
            ReadRoot(document.RootElement, call, needsBound);
        }
        catch (JsonException error)
        {
            call.Complaint = "The request body is not valid JSON: " + error.Message;
        }
        catch (InvalidOperationException)
        {
            call.Complaint = "A field of the request has the wrong type.";
        }
    }

    private static void ReadRoot(JsonElement root, ChatCall call, bool needsBound)
    {
        call.Model = root.TryGetProperty("model", out var model) ? Text(model) : "";
        call.Stream = root.TryGetProperty("stream", out var stream) && stream.ValueKind != JsonValueKind.Null && stream.GetBoolean();
        if (root.TryGetProperty("system", out var system))
            ReadContent(system, call);
        if (root.TryGetProperty("messages", out var messages))
            ReadMessages(messages, call);
        else
            call.Complaint ??= "messages: Field required";
        if (needsBound)
            ReadBound(root, call);
        if (root.TryGetProperty("tools", out var tools))
            ReadTools(tools, call);
        if (call.Model.Length == 0)
            call.Complaint ??= "model: Field required";
        call.CachedInputTokens = call.Cached;
        call.InputTokens += call.Cached;
    }

    private static void ReadBound(JsonElement root, ChatCall call)
    {
        if (!root.TryGetProperty("max_tokens", out var most))
            call.Complaint ??= "max_tokens: Field required";
        else if (!most.TryGetInt32(out var bound))
            call.Complaint ??= "max_tokens: Input should be a valid integer";
        else if (bound < 1)
            call.Complaint ??= "max_tokens: must be greater than or equal to 1";
        else
            call.Bound = bound;
    }

    /// <summary>Where it may search the web, it does so as often as it may.</summary>
    private static void ReadTools(JsonElement tools, ChatCall call)
    {
        foreach (var tool in tools.EnumerateArray())
        {
            if (tool.TryGetProperty("type", out var type) && Text(type).StartsWith("web_search_", StringComparison.Ordinal))
                call.WebSearches += tool.TryGetProperty("max_uses", out var most) ? most.GetInt32() : 1;
        }
    }

    private static void ReadMessages(JsonElement messages, ChatCall call)
    {
        if (messages.GetArrayLength() == 0)
            call.Complaint ??= "messages: at least one message is required";
        foreach (var message in messages.EnumerateArray())
        {
            if (message.TryGetProperty("content", out var content))
                ReadContent(content, call);
            else
                call.Complaint ??= "messages: content: Field required";
        }
    }

    /// <summary>A string, or an array of blocks. What else a block may hold (a page, a picture) has no words.</summary>
    private static void ReadContent(JsonElement content, ChatCall call)
    {
        if (content.ValueKind == JsonValueKind.String)
            PromptWords.Count(content, call);
        if (content.ValueKind != JsonValueKind.Array)
            return;
        foreach (var block in content.EnumerateArray())
            ReadBlock(block, call);
    }

    private static void ReadBlock(JsonElement block, ChatCall call)
    {
        var before = call.PlainInputTokens;
        if (block.TryGetProperty("text", out var text))
            PromptWords.Count(text, call);
        if (block.TryGetProperty("content", out var inner))
            ReadContent(inner, call);
        if (!block.TryGetProperty("cache_control", out var cache) || cache.ValueKind == JsonValueKind.Null)
            return;

        // What a block inside this one has already written is plain no more, so nothing is written twice.
        var written = call.PlainInputTokens - before;
        var life = cache.TryGetProperty("ttl", out var ttl) ? Text(ttl) : "5m";
        if (!cache.TryGetProperty("type", out var kind) || Text(kind) != "ephemeral")
            call.Complaint ??= "cache_control: Input should be of type 'ephemeral'";
        if (life is not ("5m" or "1h"))
            call.Complaint ??= "cache_control.ephemeral.ttl: Input should be '5m' or '1h'";
        call.CacheWriteTokens += written;
        if (life == "1h")
            call.CacheWrite1hTokens += written;
    }

    private static string Text(JsonElement value) => value.GetString() ?? "";
}
