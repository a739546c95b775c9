using System.Text;
using CsCheck;
using Quota.TestKit;

namespace Quota.Gateway.Tests.Providers.Framing;

/// <summary>Server-sent events as the standard reads them (WHATWG HTML, 9.2.6).</summary>
public sealed class SseEventReaderTests
{
    [Theory]
    [InlineData("data: a\n\n", " a")]
    [InlineData("data:a\n\n", " a")]
    [InlineData("data:  a\n\n", "  a")]   // one blank after the colon is no part of it
    [InlineData("data: a\ndata: b\n\n", " a\nb")]
    [InlineData("data:\ndata: b\n\n", " \nb")]
    [InlineData("data\ndata: b\n\n", " \nb")]
    [InlineData("data: a\nevent: x\nid: 1\nretry: 5\n\n", "x a")]
    [InlineData("event: y\nevent: x\ndata: a\n\n", "x a")]
    [InlineData("event: x\n\n")]
    [InlineData(": data: a\n\n")]
    [InlineData("datas: a\n\n")]
    [InlineData("\n\n\n\ndata: a\n\n\n", " a")]
    [InlineData("\uFEFFdata: a\n\n\uFEFFdata: b\n\n", " a")]
    [InlineData("data: a\r\rdata: b\n\ndata: c\r\n\r\n", " a", " b", " c")]
    [InlineData("data: a\r\n\rdata: b\r\r\ndata: c\n\r\ndata: d\r\n\ndata: e\n\r", " a", " b", " c", " d", " e")]
    [InlineData("data: a\rdata: b\r\ndata: c\ndata: d\r\r", " a\nb\nc\nd")]
    public void An_event_is_what_the_standard_says_at_every_cut(string stream, params string[] said)
    {
        foreach (var pieces in EventStreams.Cuts(Encoding.UTF8.GetBytes(stream)))
        {
            var log = new EventLog("sse-lf").Feed(pieces);
            log.Said.ShouldBe(said);
            log.Kept.ShouldBe(Encoding.Latin1.GetString(Encoding.UTF8.GetBytes(stream)));
        }
    }

    private static readonly string[] Words = ["data:a", "data:bc", "data:", "event:x", "\r", "\n", "\r\n", "\n\n", "\r\r"];

    /// <summary>The standard's own way: lines first, then events. A last event without its blank line is read, too.</summary>
    private static List<string> Naively(string stream)
    {
        var (said, data, name) = (new List<string>(), new List<string>(), "");
        foreach (var line in stream.Replace("\r\n", "\n", StringComparison.Ordinal).Replace('\r', '\n').Split('\n').Append(""))
        {
            if (line.Length > 0 && line[0] == 'd')
                data.Add(line["data:".Length..]);
            else if (line.Length > 0)
                name = line["event:".Length..];
            else
            {
                if (data.Any(it => it.Length > 0) || data.Count > 1)
                    said.Add($"{name} {string.Join('\n', data)}");
                (data, name) = ([], "");
            }
        }
        return said;
    }

    [Fact]
    public void Any_mix_of_line_ends_in_any_pieces_is_read_as_the_standard_reads_it() =>
        Gen.Select(Gen.Int[0, Words.Length - 1].Select(i => Words[i]).Array[0, 30], Gen.Int[1, 5].Array[1, 8]).Sample((words, sizes) =>
        {
            // a field begins a line: a word after a word would be more of its value
            var stream = string.Concat(words.Select((word, i) => i > 0 && word.Contains(':', StringComparison.Ordinal) && words[i - 1].Contains(':', StringComparison.Ordinal) ? "\n" + word : word));
            var log = new EventLog("sse-lf").Feed(EventStreams.Pieces(Encoding.UTF8.GetBytes(stream), sizes));
            log.Said.ShouldBe(Naively(stream));
            log.Kept.ShouldBe(stream);
        }, iter: LongForm.Pick(3_000, 300_000));
}
