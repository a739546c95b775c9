using System.Buffers;
using System.Text.Json;

namespace Quota.TestKit;

/// <summary>
/// Reads the body of a Responses request. Input tokens are the words of the instructions and of the input: a string, or items with
/// strings or parts of text, results of tools among them. What <c>cached:n</c> asks for is read from the cache, on top of the words.
/// </summary>
internal static class ResponsesReader
{
    /// <summary>As <see cref="IDialect.Read"/>.</summary>
    public static void Read(in ReadOnlySequence<byte> body, ChatCall call)
    {
        try
        {
            using var document = JsonDocument.Parse(body);
            ReadRoot(document.RootElement, call);
        }
        catch (JsonException error)
        {
            call.Complaint = "We could not parse the JSON body of your request: " + error.Message;
        }
        catch (InvalidOperationException)
        {
            call.Complaint = "A field of the request has the wrong type.";
        }
    }

    private static void ReadRoot(JsonElement root, ChatCall call)
    {
        call.Model = root.TryGetProperty("model", out var model) ? model.GetString() ?? "" : "";
        call.Stream = root.TryGetProperty("stream", out var stream) && stream.ValueKind != JsonValueKind.Null && stream.GetBoolean();
        if (root.TryGetProperty("instructions", out var instructions))
            PromptWords.Count(instructions, call);
        if (root.TryGetProperty("input", out var input))
            ReadInput(input, call);
        else
            call.Complaint ??= "Missing required parameter: 'input'.";
        if (root.TryGetProperty("max_output_tokens", out var most) && most.ValueKind != JsonValueKind.Null)
            ReadBound(most, call);
        if (call.Model.Length == 0)
            call.Complaint ??= "Missing required parameter: 'model'.";
        call.CachedInputTokens = call.Cached;
        call.InputTokens += call.Cached;
    }

    private static void ReadInput(JsonElement input, ChatCall call)
    {
        if (input.ValueKind == JsonValueKind.String)
        {
            PromptWords.Count(input, call);
            return;
        }

        foreach (var item in input.EnumerateArray())
        {
            if (item.TryGetProperty("content", out var content))
                ReadContent(content, call);
            if (item.TryGetProperty("output", out var output))
                ReadContent(output, call);
        }
    }

    /// <summary>A string, or an array of parts. What else a part may hold (a picture, a file) has no words.</summary>
    private static void ReadContent(JsonElement content, ChatCall call)
    {
        if (content.ValueKind == JsonValueKind.String)
            PromptWords.Count(content, call);
        if (content.ValueKind != JsonValueKind.Array)
            return;
        foreach (var part in content.EnumerateArray())
        {
            if (part.TryGetProperty("text", out var text))
                PromptWords.Count(text, call);
        }
    }

    private static void ReadBound(JsonElement most, ChatCall call)
    {
        if (most.TryGetInt32(out var bound) && bound >= 1)
            call.Bound = bound;
        else
            call.Complaint ??= "Invalid 'max_output_tokens': expected an integer of at least 1.";
    }
}
