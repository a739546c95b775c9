using System.Buffers;
using System.Text.Json;

namespace Quota.TestKit;

/// <summary>
/// Reads a request body in one pass without building a tree, since the stand-in is also the upstream of the benchmark.
/// Input tokens are the words of every message's content (a string, or the text of its parts).
/// </summary>
internal static class ChatReader
{
    /// <summary>Fills the call from the body. What is wrong with it becomes <see cref="ChatCall.Complaint"/>; never throws on a body.</summary>
    public static void Read(in ReadOnlySequence<byte> body, ChatCall call)
    {
        try
        {
            var reader = new Utf8JsonReader(body);
            if (!reader.Read() || reader.TokenType != JsonTokenType.StartObject)
                call.Complaint = "The body is not a JSON object.";
            else
                ReadRoot(ref reader, call);
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

    private static void ReadRoot(ref Utf8JsonReader reader, ChatCall call)
    {
        var messages = false;
        int? older = null;
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            if (reader.ValueTextEquals("model"u8))
                call.Model = NextString(ref reader);
            else if (reader.ValueTextEquals("stream"u8))
                call.Stream = NextBoolean(ref reader);
            else if (reader.ValueTextEquals("stream_options"u8))
                ReadStreamOptions(ref reader, call);
            else if (reader.ValueTextEquals("max_completion_tokens"u8))
                call.Bound = NextBound(ref reader, call);
            else if (reader.ValueTextEquals("max_tokens"u8))
                older = NextBound(ref reader, call);
            else if (reader.ValueTextEquals("messages"u8))
                messages = ReadMessages(ref reader, call);
            else
                SkipValue(ref reader);
        }

        // Reads past the closing brace, which throws when more follows.
        reader.Read();
        call.Bound ??= older;
        if (call.Complaint is null && call.Model.Length == 0)
            call.Complaint = "you must provide a model parameter";
        if (call.Complaint is null && !messages)
            call.Complaint = "Missing required parameter: 'messages'.";
    }

    private static bool ReadMessages(ref Utf8JsonReader reader, ChatCall call)
    {
        reader.Read();
        if (reader.TokenType != JsonTokenType.StartArray)
            throw new InvalidOperationException();
        var depth = reader.CurrentDepth;
        while (reader.Read() && !(reader.TokenType == JsonTokenType.EndArray && reader.CurrentDepth == depth))
        {
            // A message lies at depth + 1 and its fields one deeper; a content part's text three deeper than the message.
            if (reader.TokenType != JsonTokenType.PropertyName)
                continue;
            var level = reader.CurrentDepth - depth;
            if (level == 2 && reader.ValueTextEquals("content"u8) || level == 4 && reader.ValueTextEquals("text"u8))
            {
                reader.Read();
                if (reader.TokenType == JsonTokenType.String)
                    PromptWords.Count(ref reader, call);
            }
        }

        return true;
    }

    private static void ReadStreamOptions(ref Utf8JsonReader reader, ChatCall call)
    {
        reader.Read();
        if (reader.TokenType != JsonTokenType.StartObject)
            return;
        call.HasStreamOptions = true;
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            if (reader.ValueTextEquals("include_usage"u8))
                call.IncludeUsage = NextBoolean(ref reader);
            else
                SkipValue(ref reader);
        }
    }

    private static int? NextBound(ref Utf8JsonReader reader, ChatCall call)
    {
        reader.Read();
        if (reader.TokenType == JsonTokenType.Null)
            return null;
        if (reader.TokenType == JsonTokenType.Number && reader.TryGetInt32(out var bound) && bound >= 1)
            return bound;
        call.Complaint = "Invalid value for the output bound: expected an integer of at least 1.";
        return null;
    }

    private static string NextString(ref Utf8JsonReader reader)
    {
        reader.Read();
        return reader.GetString() ?? "";
    }

    private static bool NextBoolean(ref Utf8JsonReader reader)
    {
        reader.Read();
        return reader.TokenType != JsonTokenType.Null && reader.GetBoolean();
    }

    private static void SkipValue(ref Utf8JsonReader reader)
    {
        reader.Read();
        reader.Skip();
    }
}
