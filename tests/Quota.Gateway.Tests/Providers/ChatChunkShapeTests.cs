using System.Text;
using CsCheck;
using Quota.Gateway.Metering;
using Quota.Gateway.Providers.OpenAi;
using Quota.Shared.Usage;

namespace Quota.Gateway.Tests.Providers;

/// <summary>Events that are known by their shape are taken without being looked at; whatever stands among them, and wherever they are cut, what is read is the same.</summary>
public class ChatChunkShapeTests
{
    private const string Head = """{"id":"c1","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{""";

    private static readonly Gen<string> Text = Gen.OneOf(
        Gen.Const(""), Gen.Const(" word"), Gen.Const("a text that is longer than sixteen bytes, and then some"), Gen.Const("\\n\\n"), Gen.Const("\\\""), Gen.Const("\\\\"), Gen.Const("é🙂"),
        Gen.Const("\\\"delta\\\":{\\\"content\\\":\\\""), Gen.Const("sixteen letters!\\\"usage\\\":{\\\"prompt_tokens\\\":1}"), Gen.String[Gen.Char['a', 'z'], 0, 1200]);

    private static readonly Gen<string> Padding = Gen.String[Gen.Char['a', 'z'], 0, 20];

    private static readonly Gen<string> Event = Gen.Select(Text, Padding, Gen.Int[0, 31]).Select((text, padding, kind) => kind switch
    {
        0 => $$$"""data: {{{Head}}}"content":"{{{text}}}"},"finish_reason":"stop"}],"usage":null,"obfuscation":"{{{padding}}}"}""" + "\n\n",
        1 => $$$"""data: {{{Head}}}"content":"{{{text}}}"},"finish_reason":null}],"usage":{"prompt_tokens":7,"completion_tokens":9},"obfuscation":"{{{padding}}}"}""" + "\n\n",
        2 => $$$"""data: {{{Head}}}"content":"{{{text}}}"},"finish_reason":null}]}""" + "\n\n",
        3 => $$$"""data: {{{Head}}}"content":"{{{text}}}"},"finish_reason":null}],"usage":null,"obfuscation":"{{{padding}}}"}""" + "\r\n\r\n",
        4 => $$$"""data: {{{Head}}}"reasoning_content":"{{{text}}}"},"finish_reason":null}],"usage":null,"obfuscation":"{{{padding}}}"}""" + "\n\n",
        5 => ": a comment\n\n",
        6 => "\n",
        7 => $$$"""data: {{{Head.Replace("c1", "c2", StringComparison.Ordinal)}}}"content":"{{{text}}}"},"finish_reason":null}],"usage":null,"obfuscation":"{{{padding}}}"}""" + "\n\n",
        8 => $$$"""data: {{{Head}}}"content":"{{{text}}}"},"finish_reason":null}],"usage":null,"obfuscation":"{{{padding}}}"}""" + "\ndata: \n\n",
        9 => "event: message\n",
        10 => $$$"""data: {{{Head}}}"content":"","reasoning_content":" the"},"finish_reason":null}],"usage":null,"obfuscation":"{{{padding}}}"}""" + "\n\n",
        11 => $$$"""data: {{{Head}}}"content":"{{{text}}}"},"finish_reason":null}]}""" + "\ndata: \n\n",
        12 => "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":7,\"completion_tokens\":9}}\n\n",
        _ => $$$"""data: {{{Head}}}"content":"{{{text}}}"},"finish_reason":null}],"usage":null,"obfuscation":"{{{padding}}}"}""" + "\n\n",
    });

    private static readonly Gen<string> Broken = Gen.OneOf(
        Gen.Const($"data: {Head}\"content\":\"a\nb\"}},\"finish_reason\":null}}],\"usage\":null,\"obfuscation\":\"x\"}}\n\n"),
        Gen.Const($"data: {Head}\"content\":\"a\n\nb\"}},\"finish_reason\":null}}],\"usage\":null,\"obfuscation\":\"x\"}}\n\n"),
        Gen.Const($"data: {Head}\"content\":\"a\\\nb\"}},\"finish_reason\":null}}],\"usage\":null,\"obfuscation\":\"x\"}}\n\n"),
        Gen.Const($"data: {Head}\"content\":\"\\x\"}},\"finish_reason\":null}}],\"usage\":null,\"obfuscation\":\"x\"}}\n\n"),
        Gen.Const($"data: {Head}\"content\":\"unfinished"), Gen.Const("data: [DONE]\n\n"));

    [Fact]
    public void Cut_anywhere_it_reads_the_same() => Gen.Select(Gen.Frequency((9, Event), (1, Broken)).Array[0, 12], Gen.Int[1, 400].Array[1, 30], Gen.Bool).Sample((events, cuts, hides) =>
    {
        var stream = Encoding.UTF8.GetBytes(string.Concat(events));
        var whole = Read(stream, [stream.Length + 1], hides);
        Read(stream, cuts, hides).ShouldBe(whole);
        Read(stream, [1], hides).ShouldBe(whole);
    }, iter: 3_000);

    [Fact]
    public void Events_that_are_looked_at_one_by_one_say_the_same() => Gen.Select(Event.Array[0, 12], Gen.Bool).Sample((events, hides) =>
    {
        var stream = Encoding.UTF8.GetBytes(string.Concat(events));
        Read(stream, [stream.Length + 1], hides).ShouldBe(OneByOne(stream, hides));
    }, iter: 3_000);

    [Fact]
    public void What_went_out_before_anything_was_held_back_does_not_go_out_again() => Gen.Select(Event.Array[1, 12], Gen.Int[0, 100_000]).Sample((events, at) =>
    {
        var stream = Encoding.UTF8.GetBytes(string.Concat(events));
        at %= stream.Length;
        var reader = new ChatStreamUsage(hidesUsage: false);
        using var kept = new HeldBytes();
        reader.Feed(stream.AsSpan(0, at), null);
        reader.Feed(stream.AsSpan(at), kept);
        reader.End(kept);
        Told(reader, kept).Seen.ShouldBe(Encoding.UTF8.GetString(stream.AsSpan(at)));
    }, iter: 1_000);

    [Fact]
    public void Looked_at_one_by_one_from_anywhere_on_they_say_the_same() => Gen.Select(Event.Array[1, 12], Gen.Int[0, 100_000]).Sample((events, at) =>
    {
        var stream = Encoding.UTF8.GetBytes(string.Concat(events));
        at %= stream.Length;
        var reader = new ChatStreamUsage(hidesUsage: false);
        using var kept = new HeldBytes();
        reader.Feed(stream.AsSpan(0, at), null);
        for (var rest = stream.AsSpan(at); !rest.IsEmpty;)   // the hold was lost: from here on the stream may be cut
        {
            reader.Next(rest, kept, out var taken);
            rest = rest[taken..];
        }
        reader.End(kept);
        var (whole, told) = (Read(stream, [stream.Length + 1], hides: false), Told(reader, kept));
        told.ShouldBe(whole with { Seen = Encoding.UTF8.GetString(stream.AsSpan(at)) });
    }, iter: 3_000);

    [Theory]
    [InlineData("a\"},\"finish_reason\":null}]}\ndata: \n\n", "b\"},\"finish_reason\":null}]}\n\n\ndata: {\"choices\":[],\"usage\":{\"prompt_tokens\":7}}\n\n")]   // an event of two lines is no pattern
    [InlineData("a\"},\"finish_reason\":null}]}\n\n", "a\\\nb\"},\"finish_reason\":null}]}\n\n")]   // a line ends, whatever stands before
    public void A_line_end_is_in_no_pattern_and_in_no_text(string first, string second)
    {
        var stream = Encoding.UTF8.GetBytes($"data: {Head}\"content\":\"{first}data: {Head}\"content\":\"{second}");
        var whole = Read(stream, [stream.Length], hides: true);
        whole.ShouldBe(Read(stream, [1], hides: true));
        whole.ShouldBe(OneByOne(stream, hides: true));
    }

    private static (string Seen, long Bytes, long Events, UsageCounts? Usage, bool IsComplete) Read(byte[] stream, int[] cuts, bool hides)
    {
        var reader = new ChatStreamUsage(hides);
        using var kept = new HeldBytes();
        for (var (at, i) = (0, 0); at < stream.Length; i++)
        {
            var length = Math.Min(cuts[i % cuts.Length], stream.Length - at);
            reader.Feed(stream.AsSpan(at, length), kept);
            at += length;
        }
        reader.End(kept);
        return Told(reader, kept);
    }

    private static (string Seen, long Bytes, long Events, UsageCounts? Usage, bool IsComplete) OneByOne(byte[] stream, bool hides)
    {
        var reader = new ChatStreamUsage(hides);
        using var kept = new HeldBytes();
        for (var rest = stream.AsSpan(); !rest.IsEmpty;)
        {
            reader.Next(rest, kept, out var taken);   // of a stream that may be cut: each event is looked at in full
            rest = rest[taken..];
        }
        reader.End(kept);
        return Told(reader, kept);
    }

    private static (string Seen, long Bytes, long Events, UsageCounts? Usage, bool IsComplete) Told(ChatStreamUsage reader, HeldBytes kept)
    {
        var seen = new byte[kept.Mark];
        kept.HandOut(seen);
        return (Encoding.UTF8.GetString(seen), reader.OutputBytes, reader.TextEvents, reader.Usage, reader.IsComplete);
    }
}
