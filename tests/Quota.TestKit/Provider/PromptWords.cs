using System.Buffers;
using System.Buffers.Text;
using System.Text;
using System.Text.Json;

namespace Quota.TestKit;

/// <summary>Counts the words of a prompt, parted by ASCII white space, and does as those say that are meant for the stand-in.</summary>
internal static class PromptWords
{
    private static readonly SearchValues<byte> Space = SearchValues.Create(" \t\n\v\f\r"u8);

    /// <summary>Of a string that has been read.</summary>
    public static void Count(JsonElement text, ChatCall call) => Count(Encoding.UTF8.GetBytes(text.GetString() ?? ""), call);

    /// <summary>Of the string that the reader stands on.</summary>
    public static void Count(ref Utf8JsonReader reader, ChatCall call)
    {
        if (!reader.ValueIsEscaped && !reader.HasValueSequence)
        {
            Count(reader.ValueSpan, call);
            return;
        }

        var length = checked((int)(reader.HasValueSequence ? reader.ValueSequence.Length : reader.ValueSpan.Length));
        var rented = ArrayPool<byte>.Shared.Rent(length);
        Count(rented.AsSpan(0, reader.CopyString(rented)), call);
        ArrayPool<byte>.Shared.Return(rented);
    }

    /// <summary>Of a text.</summary>
    public static void Count(ReadOnlySpan<byte> text, ChatCall call)
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
        else if (word.StartsWith("cached:"u8) && Utf8Parser.TryParse(word[7..], out int cached, out used) && used == word.Length - 7)
            call.Cached = Math.Clamp(cached, 0, 100_000_000);
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
}
