using System.Buffers;
using System.Text;
using Quota.Gateway.Providers;
using Quota.Gateway.Providers.Framing;

namespace Quota.Gateway.Tests.Providers.Framing;

/// <summary>The same few events in every framing, each with one to hide, and what a reader makes of them.</summary>
internal static class EventStreams
{
    public static readonly string[] Framings = ["sse-lf", "sse-crlf", "sse-cr", "lines-lf", "lines-crlf", "aws"];

    private static readonly (string Name, string Data)[] Events = [("begin", """{"model":"m"}"""), ("text", """{"text":"ünï\r\ncode"}"""), ("hide", """{"hide":1}"""), ("end", """{"usage":{"n":7}}""")];

    public static EventReader Reader(string framing, EventReader.OnEvent onEvent) => framing switch
    {
        "aws" => new AwsEventReader(onEvent),
        "lines-lf" or "lines-crlf" => new LineEventReader(onEvent),
        _ => new SseEventReader(onEvent),
    };

    /// <summary>The bytes of each event; one may be no event, as a comment is.</summary>
    public static byte[][] Parts(string framing) => framing switch
    {
        "sse-lf" => Sse("\n"),
        "sse-crlf" => Sse("\r\n"),
        "sse-cr" => Sse("\r"),
        "lines-lf" => [.. Events.Select(it => Encoding.UTF8.GetBytes(it.Data + "\n")), "\n"u8.ToArray()],
        "lines-crlf" => [.. Events.Select(it => Encoding.UTF8.GetBytes(it.Data + "\r\n")), "\r\n"u8.ToArray()],
        _ => [.. Events.Select(it => AwsMessages.Event(it.Name, it.Data))],
    };

    /// <summary>What every reader is to say: name and data of each event.</summary>
    public static string[] Said(string framing) => [.. Events.Select(it => framing.StartsWith("lines", StringComparison.Ordinal) ? " " + it.Data : it.Name + " " + it.Data)];

    /// <summary>One event that goes on and on, without its end.</summary>
    public static byte[] Endless(string framing, int length) => framing switch
    {
        "aws" => AwsMessages.Of(new string('x', length))[..^4],
        "lines-lf" or "lines-crlf" => Encoding.UTF8.GetBytes(new string('x', length)),
        _ => Encoding.UTF8.GetBytes("data: " + new string('x', length)),
    };

    /// <summary>All ways to cut in two, and one byte at a time.</summary>
    public static IEnumerable<byte[][]> Cuts(byte[] bytes, int most = 10_000)
    {
        var count = Math.Min(bytes.Length + 1, most);
        for (var i = 0; i < count; i++)
        {
            var cut = (int)((long)i * bytes.Length / Math.Max(1, count - 1));
            yield return [bytes[..cut], bytes[cut..]];
        }
        yield return [.. bytes.Select(it => new[] { it })];
    }

    /// <summary>Pieces of these sizes, over and over.</summary>
    public static byte[][] Pieces(byte[] bytes, int[] sizes)
    {
        List<byte[]> pieces = [];
        for (var at = 0; at < bytes.Length; at += pieces[^1].Length)
            pieces.Add(bytes[at..Math.Min(bytes.Length, at + sizes[pieces.Count % sizes.Length])]);
        return [.. pieces];
    }

    private static byte[][] Sse(string end) =>
    [
        .. Events.Take(1).Select(it => Block(it, end)), Encoding.UTF8.GetBytes($": ping{end}{end}"), .. Events.Skip(1).Select(it => Block(it, end)),
    ];

    private static byte[] Block((string Name, string Data) it, string end) => Encoding.UTF8.GetBytes($"event: {it.Name}{end}data: {it.Data}{end}{end}");
}

/// <summary>Writes down what a reader of events says.</summary>
internal sealed class EventLog
{
    private readonly ArrayBufferWriter<byte> _kept = new();

    public EventLog(string framing, string hidden = "nothing") => Reader = EventStreams.Reader(framing, piece =>
    {
        var data = Encoding.UTF8.GetString(piece.Data);
        Said.Add($"{(piece.IsError ? "! " : "")}{Encoding.UTF8.GetString(piece.Name)} {data}");
        return !data.Contains(hidden, StringComparison.Ordinal);
    });

    public EventReader Reader { get; }

    public List<string> Said { get; } = [];

    public string Kept => Encoding.Latin1.GetString(_kept.WrittenSpan);

    public EventLog Feed(params IEnumerable<byte[]> pieces)
    {
        foreach (var piece in pieces)
            Reader.Feed(piece, _kept);
        Reader.End(_kept);
        return this;
    }

    /// <summary>Feeds a client that has its bytes already.</summary>
    public EventLog Pass(params IEnumerable<byte[]> pieces)
    {
        foreach (var piece in pieces)
            Reader.Feed(piece, null);
        Reader.End(null);
        return this;
    }

    /// <summary>Steps to the end of an event at a time; answers how each step ended, steps without an event left out.</summary>
    public List<EventStep> Step(params IEnumerable<byte[]> pieces)
    {
        List<EventStep> steps = [];
        foreach (var piece in pieces)
        {
            for (var at = 0; at < piece.Length;)
            {
                steps.Add(Reader.Next(piece.AsSpan(at), _kept, out var taken));
                at += taken;
            }
        }
        steps.Add(Reader.End(_kept));
        return [.. steps.Where(it => it != EventStep.More)];
    }
}

internal static class EventReaderFeed
{
    /// <summary>All of these bytes, event after event.</summary>
    public static void Feed(this EventReader reader, ReadOnlySpan<byte> data, IBufferWriter<byte>? kept)
    {
        while (!data.IsEmpty)
        {
            reader.Feed(data, kept, out var taken);
            data = data[taken..];
        }
    }
}
