using System.Buffers;
using System.Text.Json;

namespace Quota.TestKit;

/// <summary>Reads the bodies of Bedrock Runtime. Input tokens are the words of the system prompt and of every message, or of the one prompt.</summary>
internal static class BedrockReader
{
    /// <summary>
    /// Converse: text blocks, and those in the results of tools. All words before a <c>cachePoint</c> that no other has written yet are written to the cache.
    /// </summary>
    public static void ReadConverse(in ReadOnlySequence<byte> body, ChatCall call) => Read(body, call, root =>
    {
        if (root.TryGetProperty("system", out var system))
            ReadBlocks(system, call);
        if (root.TryGetProperty("messages", out var messages))
        {
            foreach (var message in messages.EnumerateArray())
                ReadBlocks(message.GetProperty("content"), call);
        }
        else
            call.Complaint = "The messages are missing.";
        if (root.TryGetProperty("inferenceConfig", out var inference) && inference.TryGetProperty("maxTokens", out var most))
            call.Bound = most.GetInt32();
    });

    /// <summary>A body of Anthropic's Messages, whose model is in the path.</summary>
    public static void ReadAnthropic(in ReadOnlySequence<byte> body, ChatCall call)
    {
        MessagesReader.Read(body, call, needsBound: true);
        if (call.Complaint == "model: Field required")
            call.Complaint = null;
        else if (call.Model.Length > 0)
            call.Complaint ??= "model: Extra inputs are not permitted";
    }

    public static void ReadLlama(in ReadOnlySequence<byte> body, ChatCall call) => Read(body, call, root =>
    {
        PromptWords.Count(root.GetProperty("prompt"), call);
        call.Bound = root.TryGetProperty("max_gen_len", out var most) ? most.GetInt32() : 512;
    });

    private static void Read(in ReadOnlySequence<byte> body, ChatCall call, Action<JsonElement> read)
    {
        try
        {
            using var document = JsonDocument.Parse(body);
            read(document.RootElement);
        }
        catch (Exception problem) when (problem is JsonException or InvalidOperationException or KeyNotFoundException or FormatException)
        {
            call.Complaint = "Malformed input request: " + problem.Message;
        }
        call.CachedInputTokens = call.Cached;
        call.InputTokens += call.Cached;
    }

    private static void ReadBlocks(JsonElement blocks, ChatCall call)
    {
        foreach (var block in blocks.EnumerateArray())
        {
            if (block.TryGetProperty("text", out var text))
                PromptWords.Count(text, call);
            if (block.TryGetProperty("toolResult", out var result))
                ReadBlocks(result.GetProperty("content"), call);
            if (!block.TryGetProperty("cachePoint", out var cache))
                continue;
            var written = call.PlainInputTokens;
            call.CacheWriteTokens += written;
            if (cache.TryGetProperty("ttl", out var life) && life.GetString() == "1h")
                call.CacheWrite1hTokens += written;
        }
    }
}
