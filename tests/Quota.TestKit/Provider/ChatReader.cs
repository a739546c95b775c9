using System.Buffers;
using System.Buffers.Text;
using System.Text.Json;

namespace Quota.TestKit;

/// <summary>
/// Reads a request body in one pass without building a tree, since the stand-in is also the upstream of the benchmark.
/// Input tokens are the words of every message's content (a string, or the text of its parts), parted by ASCII white space.
/// </summary>
internal static class ChatReader
{
    private static readonly SearchValues<byte> Space = SearchValues.Create(" \t\n\v\f\r"u8);

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
                    CountWords(ref reader, call);
            }
        }

        return true;
    }

    private static void CountWords(ref Utf8JsonReader reader, ChatCall call)
    {
        if (!reader.ValueIsEscaped && !reader.HasValueSequence)
        {
            CountWords(reader.ValueSpan, call);
            return;
        }

        var length = checked((int)(reader.HasValueSequence ? reader.ValueSequence.Length : reader.ValueSpan.Length));
        var rented = ArrayPool<byte>.Shared.Rent(length);
        CountWords(rented.AsSpan(0, reader.CopyString(rented)), call);
        ArrayPool<byte>.Shared.Return(rented);
    }

    private static void CountWords(ReadOnlySpan<byte> text, ChatCall call)
    {
        while (true)
        {
            var start = text.IndexOfAnyExcept(Space);
            if (start < 0)
                return;
            text = text[start..];
            var end = text.IndexOfAny(Space);
            var word = end < 0 ? text : text[..end];
            call.InputTokens++;
            if (word.Length > 5 && word.Contains((byte)':'))
                Obey(word, call);
            text = text[word.Length..];
        }
    }

    private static void Obey(ReadOnlySpan<byte> word, ChatCall call)
    {
        if (word.StartsWith("reply:"u8) && Utf8Parser.TryParse(word[6..], out int reply, out var used) && used == word.Length - 6 && reply >= 0)
            call.Reply = reply;
        else if (word.StartsWith("pace:"u8) && Utf8Parser.TryParse(word[5..], out int pace, out used) && used == word.Length - 5)
            call.Pace = Math.Clamp(pace, 0, 10_000);
        else if (word.StartsWith("wait:"u8) && Utf8Parser.TryParse(word[5..], out int wait, out used) && used == word.Length - 5)
            call.Wait = Math.Clamp(wait, 0, 60_000);
        else if (word.StartsWith("chunk:"u8) && Utf8Parser.TryParse(word[6..], out int chunk, out used) && used == word.Length - 6)
            call.Chunk = Math.Max(chunk, 0);
        else if (word.SequenceEqual("fault:500"u8))
            call.Fault = ProviderFault.Error500;
        else if (word.SequenceEqual("fault:429"u8))
            call.Fault = ProviderFault.Error429;
        else if (word.SequenceEqual("fault:hang"u8))
            call.Fault = ProviderFault.Hang;
        else if (word.SequenceEqual("fault:cut"u8))
            call.Fault = ProviderFault.Cut;
        else if (word.SequenceEqual("fault:no-usage"u8))
            call.Fault = ProviderFault.NoUsage;
    }

    private static void ReadStreamOptions(ref Utf8JsonReader reader, ChatCall call)
    {
        reader.Read();
        if (reader.TokenType != JsonTokenType.StartObject)
            return;
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
