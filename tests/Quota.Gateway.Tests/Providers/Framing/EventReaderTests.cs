using System.Text;
using CsCheck;
using Quota.Gateway.Providers;
using Quota.Gateway.Providers.Framing;
using Quota.TestKit;

namespace Quota.Gateway.Tests.Providers.Framing;

/// <summary>What holds in every framing: any cut gives the same events and the same bytes, and too much passes unread.</summary>
public sealed class EventReaderTests
{
    public static TheoryData<string> Framings => [.. EventStreams.Framings];

    [Theory]
    [MemberData(nameof(Framings))]
    public void Any_cut_gives_the_same_events(string framing)
    {
        var bytes = Joined(EventStreams.Parts(framing));
        foreach (var pieces in EventStreams.Cuts(bytes))
            Check(framing, pieces);
        Gen.Int[1, 40].Array[1, 60].Sample(sizes => Check(framing, EventStreams.Pieces(bytes, sizes)), iter: LongForm.Pick(300, 20_000));
    }

    private static void Check(string framing, byte[][] pieces)
    {
        var (parts, said) = (EventStreams.Parts(framing), EventStreams.Said(framing));
        var all = new EventLog(framing).Feed(pieces);
        all.Said.ShouldBe(said);
        all.Kept.ShouldBe(Latin(parts));
        new EventLog(framing).Pass(pieces).Said.ShouldBe(said);

        var hiding = new EventLog(framing, "hide").Feed(pieces);
        hiding.Said.ShouldBe(said);
        hiding.Kept.ShouldBe(Latin(parts.Where(it => !Encoding.UTF8.GetString(it).Contains("hide", StringComparison.Ordinal))));

        var stepping = new EventLog(framing);
        stepping.Step(pieces).ShouldBe(Enumerable.Repeat(EventStep.Whole, parts.Length));
        stepping.Said.ShouldBe(said);
        (stepping.Kept, stepping.Reader.UnreadBytes).ShouldBe((Latin(parts), 0));
    }

    [Theory]
    [MemberData(nameof(Framings))]
    public void A_step_goes_to_the_end_of_an_event_and_no_further(string framing)
    {
        var (parts, log) = (EventStreams.Parts(framing), new EventLog(framing));
        var bytes = Joined(parts);
        var at = 0;
        foreach (var part in parts)
        {
            log.Reader.Next(bytes.AsSpan(at), new System.Buffers.ArrayBufferWriter<byte>(), out var taken).ShouldBe(EventStep.Whole);
            taken.ShouldBe(part.Length);
            log.Reader.TakeBack().ShouldBeTrue();
            at += taken;
        }
    }

    [Theory]
    [MemberData(nameof(Framings))]
    public void An_event_that_is_too_long_passes_unread_and_the_next_is_read(string framing)
    {
        byte[] huge = framing == "aws" ? AwsMessages.Event("x", new string('x', EventReader.MaxEventBytes)) : [.. EventStreams.Endless(framing, EventReader.MaxEventBytes), .. End(framing)];
        byte[] bytes = [.. huge, .. Joined(EventStreams.Parts(framing))];
        foreach (var size in new[] { 1_000, 16_384, bytes.Length })
        {
            var log = new EventLog(framing).Feed(bytes.Chunk(size));
            log.Said.ShouldBe(EventStreams.Said(framing));
            (log.Reader.UnreadBytes, log.Kept.Length).ShouldBe((huge.Length, bytes.Length));
            log.Kept.ShouldBe(Latin([bytes]));

            var stepping = new EventLog(framing);
            var steps = bytes.Chunk(size).Select(piece => stepping.Reader.Next(piece, new System.Buffers.ArrayBufferWriter<byte>(), out _));
            steps.First(it => it != EventStep.More).ShouldBe(EventStep.TooLong);
            stepping.Reader.TakeBack().ShouldBeTrue();
        }
    }

    [Theory]
    [MemberData(nameof(Framings))]
    public void An_event_whose_beginning_is_with_the_client_goes_out_whole(string framing)
    {
        var hidden = EventStreams.Parts(framing).Single(it => Encoding.UTF8.GetString(it).Contains("hide", StringComparison.Ordinal));
        for (var cut = 1; cut < hidden.Length; cut++)
        {
            var (log, kept) = (new EventLog(framing, "hide"), new System.Buffers.ArrayBufferWriter<byte>());
            log.Reader.Feed(hidden.AsSpan(0, cut), null);
            log.Reader.Next(hidden.AsSpan(cut), kept, out _).ShouldBe(EventStep.Whole);
            kept.WrittenSpan.SequenceEqual(hidden.AsSpan(cut)).ShouldBeTrue();
            log.Reader.TakeBack().ShouldBeFalse();
        }
    }

    [Theory]
    [MemberData(nameof(Framings))]
    public void Nothing_grows_with_an_event_that_never_ends(string framing)
    {
        var (log, piece) = (new EventLog(framing), EventStreams.Endless(framing, LongForm.Pick(8, 200) << 20));
        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var at = 0; at < piece.Length; at += 16_384)
            log.Reader.Feed(piece.AsSpan(at, Math.Min(16_384, piece.Length - at)), null);
        log.Reader.End(null);
        (GC.GetAllocatedBytesForCurrentThread() - before).ShouldBeLessThan(4 << 20);
        log.Said.ShouldBeEmpty();
        log.Reader.UnreadBytes.ShouldBe(piece.Length);
    }

    [Fact]
    public void Looking_at_whole_events_allocates_nothing()
    {
        foreach (var framing in EventStreams.Framings)
        {
            var (count, bytes) = (0, Joined(EventStreams.Parts(framing)));
            var reader = EventStreams.Reader(framing, piece => ++count > 0);
            reader.Feed(bytes, null);
            var before = GC.GetAllocatedBytesForCurrentThread();
            for (var i = 0; i < 1_000; i++)
                reader.Feed(bytes, null);
            (GC.GetAllocatedBytesForCurrentThread() - before, count).ShouldBe((0, 4_004), framing);
        }
    }

    private static byte[] End(string framing) => framing switch { "sse-lf" => "\n\n"u8.ToArray(), "sse-crlf" => "\r\n\r\n"u8.ToArray(), "sse-cr" => "\r\r"u8.ToArray(), "lines-lf" => "\n"u8.ToArray(), _ => "\r\n"u8.ToArray() };

    private static byte[] Joined(IEnumerable<byte[]> parts) => [.. parts.SelectMany(it => it)];

    private static string Latin(IEnumerable<byte[]> parts) => Encoding.Latin1.GetString(Joined(parts));
}
