using System.Buffers;
using System.Text.Json;

namespace Quota.TestKit;

/// <summary>
/// Reads the body of a request to Google. Input tokens are the words of every text in the system instruction and the contents, or in what is to be
/// embedded. What <c>cached:n</c> asks for is read from the cache, on top of the words.
/// </summary>
internal static class GeminiReader
{
    /// <summary>As <see cref="IDialect.Read"/>; answers how many contents are to be embedded, and the thinking budget.</summary>
    public static (int Contents, int Thoughts) Read(in ReadOnlySequence<byte> body, ChatCall call)
    {
        try
        {
            using var document = JsonDocument.Parse(body);
            return ReadRoot(document.RootElement, call);
        }
        catch (Exception problem) when (problem is JsonException or InvalidOperationException or KeyNotFoundException)
        {
            call.Complaint = "Invalid JSON payload received. " + problem.Message;
            return (0, 0);
        }
    }

    private static (int Contents, int Thoughts) ReadRoot(JsonElement root, ChatCall call)
    {
        if (Field(root, "systemInstruction", "system_instruction") is { } instruction)
            ReadContent(instruction, call);
        var contents = 0;
        foreach (var content in Contents(root, call))
        {
            contents++;
            ReadContent(content, call);
        }
        if (contents == 0)
            call.Complaint ??= "* GenerateContentRequest.contents: contents is not specified";
        call.CachedInputTokens = call.Cached;
        call.InputTokens += call.Cached;
        if (Field(root, "generationConfig", "generation_config") is not { } config)
            return (contents, 0);
        if (Field(config, "maxOutputTokens", "max_output_tokens") is { } most)
        {
            if (most.TryGetInt32(out var bound) && bound >= 1)
                call.Bound = bound;
            else
                call.Complaint ??= "* GenerateContentRequest.generation_config.max_output_tokens: max_output_tokens must be positive.";
        }
        return (contents, Field(config, "thinkingConfig", "thinking_config") is { } thinking && Field(thinking, "thinkingBudget", "thinking_budget") is { } budget ? Math.Max(0, budget.GetInt32()) : 0);
    }

    private static IEnumerable<JsonElement> Contents(JsonElement root, ChatCall call)
    {
        if (root.TryGetProperty("contents", out var contents))
            return contents.EnumerateArray();
        if (root.TryGetProperty("content", out var content))
            return [content];
        if (!root.TryGetProperty("requests", out var requests))
            return [];
        var model = "models/" + call.Model;
        if (requests.EnumerateArray().Any(request => !request.TryGetProperty("model", out var named) || named.GetString() != model))
            call.Complaint ??= $"* BatchEmbedContentsRequest.requests: model does not match {model}";
        return requests.EnumerateArray().Select(request => request.GetProperty("content"));
    }

    private static void ReadContent(JsonElement content, ChatCall call)
    {
        if (!content.TryGetProperty("parts", out var parts))
            return;
        foreach (var part in parts.EnumerateArray())
        {
            if (part.TryGetProperty("text", out var text))
                PromptWords.Count(text, call);
        }
    }

    private static JsonElement? Field(JsonElement parent, string name, string snake) =>
        (parent.TryGetProperty(name, out var value) || parent.TryGetProperty(snake, out value)) && value.ValueKind != JsonValueKind.Null ? value : null;
}
