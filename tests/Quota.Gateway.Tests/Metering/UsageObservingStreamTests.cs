using System.Text;
using CsCheck;
using Quota.Gateway.Metering;
using Quota.Gateway.Providers;
using Quota.Gateway.Providers.OpenAi;
using Quota.Gateway.Tests.Providers;
using Quota.Shared.Usage;
using static Quota.Gateway.Tests.Providers.ChatStreams;

namespace Quota.Gateway.Tests.Metering;

/// <summary>What goes to the client, when, and what the call is then counted as: for every way of cutting the upstream's bytes.</summary>
public sealed class UsageObservingStreamTests
{
    private static readonly Event[] Two = Of(2, "one", "two \"q\"", "drei €", "vier 😀", "five");
    private static readonly Gen<(int[] Pieces, int[] Reads)> Cuts = Gen.Select(Gen.Int[1, 700].Array[1, 30], Gen.Int[1, 300].Array[1, 30]);

    [Fact]
    public async Task Without_a_reason_everything_passes_byte_for_byte_with_the_very_reads()
    {
        await Cuts.SampleAsync(async (pieces, _) =>
        {
            var upstream = new PiecesStream(Cut(Text(Two), pieces));
            var call = new SomeCall(new ChatStreamUsage(false, 2), cover: _ => throw new InvalidOperationException("nobody asks"));
            var (stream, buffer, text) = (new UsageObservingStream(upstream, call.Meter, null, false), new byte[4096], new List<byte>());
            foreach (var piece in Cut(Text(Two), pieces))
            {
                (await stream.ReadAsync(Memory<byte>.Empty)).ShouldBe(0);
                (await stream.ReadAsync(buffer)).ShouldBe(piece.Length);
                buffer.AsSpan(0, piece.Length).SequenceEqual(piece).ShouldBeTrue();
            }
            call.Ends.Single().Status.ShouldBe(UsageStatus.Completed);
            (await stream.ReadAsync(buffer)).ShouldBe(0);
            call.Ends.Count.ShouldBe(1);
            await stream.DisposeAsync();
            upstream.IsDisposed.ShouldBeTrue();
        }, iter: 100);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_stepwise_answer_goes_out_as_far_as_it_is_covered_and_then_ends_well_formed(bool hides)
    {
        var most = Two.Sum(it => it.Bytes);
        await Gen.Select(Gen.Int[0, most + 1], Cuts).SampleAsync(async (covered, cuts) =>
        {
            var asked = new List<long>();
            var call = new SomeCall(new ChatStreamUsage(hides, 2), SomeCall.NewHold(stepwise: true), async tokens =>
            {
                await Task.Yield();
                asked.Add(tokens);
                return tokens <= covered;
            });
            var upstream = new PiecesStream(Cut(Text(Two), cuts.Pieces));
            var text = await ReadAsync(new UsageObservingStream(upstream, call.Meter, null, hides), cuts.Reads, () => call.Ends.Count > 0);
            Check(Two, covered, hides, text, call, upstream);
            asked.SequenceEqual(asked.Distinct().Order()).ShouldBeTrue("each event once, in totals that only rise");
        }, iter: 300);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_hold_that_is_lost_in_mid_stream_is_asked_for_from_the_next_event_on(bool hides)
    {
        await Gen.Select(Gen.Int[0, 30], Gen.Int[0, 40], Cuts).SampleAsync(async (lostAt, covered, cuts) =>
        {
            var call = new SomeCall(new ChatStreamUsage(hides, 2), cover: tokens => ValueTask.FromResult(tokens <= covered));
            var pieces = Cut(Text(Two), cuts.Pieces);
            var upstream = new PiecesStream(pieces) { BeforePiece = given => call.Hold.IsLost |= given >= lostAt };
            var text = await ReadAsync(new UsageObservingStream(upstream, call.Meter, null, hides), cuts.Reads, () => call.Ends.Count > 0, least: 700);

            // The client has the events before the loss and the one that was under way; when that one is not covered, the end comes after it.
            var out0 = Math.Min(lostAt, pieces.Count) is var n ? pieces.Take(n).Sum(piece => piece.Length) : 0;
            var (end, begun, total, granted) = (0, 0, 0, 0);
            foreach (var it in Two)
            {
                var isOut = hides ? (end += Encoding.UTF8.GetByteCount(it.Text)) <= out0 : end < out0;
                end += hides ? 0 : Encoding.UTF8.GetByteCount(it.Text);
                total += it.Bytes;
                if (isOut)
                    (begun, granted) = (begun + 1, total);
            }
            var partlyOutIsRefused = !hides && begun > 0 && Ends(begun) > out0 && Two[begun - 1].Bytes > 0 && granted > covered;
            Check(Two, partlyOutIsRefused ? granted : Math.Max(covered, granted), hides, text, call, upstream, partlyOutIsRefused ? begun : null);
        }, iter: 500);

        static int Ends(int events) => Two.Take(events).Sum(it => Encoding.UTF8.GetByteCount(it.Text));
    }

    /// <summary>The oracle: events while they are covered, then an ending; and what the call is counted as.</summary>
    private static void Check(Event[] events, long covered, bool hides, string text, SomeCall call, PiecesStream upstream, int? cutAfter = null)
    {
        var (shown, total, count, cut) = (new List<Event>(), 0, 0, false);
        for (var i = 0; i < events.Length && !cut; i++)
        {
            cut = (total + events[i].Bytes > covered && events[i].Bytes > 0) || i == cutAfter;
            if (cut)
                break;
            total += events[i].Bytes;
            count += events[i].Bytes > 0 ? 1 : 0;
            shown.Add(events[i]);
        }
        text.ShouldStartWith(Text(shown.Where(it => !(hides && it.IsUsage))));
        var read = new ChatStreamText(text);
        read.IsDone.ShouldBeTrue();
        read.Choices.Values.ShouldAllBe(choice => choice.Finish == "length" || choice.Finish == "stop");
        (read.Usage is null).ShouldBe(hides);
        var end = call.Ends.ShouldHaveSingleItem();
        upstream.IsDisposed.ShouldBe(cut);
        if (!cut)
        {
            text.ShouldBe(Text(events.Where(it => !(hides && it.IsUsage))));
            (end.Status, end.Estimated, end.Usage.OutputTokens).ShouldBe((UsageStatus.Completed, false, 7));
            return;
        }
        (end.Status, end.Estimated).ShouldBe((UsageStatus.CutOff, true));
        end.Usage.ShouldBe(new() { Requests = 1, InputTokens = 9, OutputTokens = Math.Max(count, (total + 3) / 4), Images = 2, BytesIn = 77 });
        read.Choices.Count.ShouldBe(2);
        if (read.Usage is { } usage)
            usage.GetProperty("completion_tokens").GetInt64().ShouldBe(end.Usage.OutputTokens);
    }

    [Fact]
    public async Task Usage_that_came_before_the_cut_is_the_providers()
    {
        var running = ",\"usage\":{\"prompt_tokens\":4,\"completion_tokens\":2}";
        Event[] events = [Role(0), new(Chunk(Choice(0, "{\"content\":\"ab\"}"), running), 2), Content(0, "cd"), Done];
        var call = new SomeCall(new ChatStreamUsage(true), SomeCall.NewHold(stepwise: true), tokens => ValueTask.FromResult(tokens <= 2));
        var text = await ReadAsync(new UsageObservingStream(new PiecesStream([Encoding.UTF8.GetBytes(Text(events))]), call.Meter, null, true), [64], () => call.Ends.Count > 0);
        new ChatStreamText(text).Choices[0].ShouldBe(("assistant", "ab", "length"));
        var end = call.Ends.Single();
        (end.Status, end.Estimated, end.Usage.InputTokens, end.Usage.OutputTokens).ShouldBe((UsageStatus.CutOff, false, 4, 2));
    }

    [Fact]
    public async Task More_than_the_upstream_was_bound_to_is_never_asked_for()
    {
        var asked = new List<long>();
        var call = new SomeCall(new ChatStreamUsage(true), SomeCall.NewHold(stepwise: true), tokens =>
        {
            asked.Add(tokens);
            return ValueTask.FromResult(true);
        }, outputBound: 5);
        await ReadAsync(new UsageObservingStream(new PiecesStream([Encoding.UTF8.GetBytes(Text(Of(1, "one", "two", "three")))]), call.Meter, null, true), [64], () => call.Ends.Count > 0);
        string.Join(' ', asked).ShouldBe("3 5 5");
    }

    [Fact]
    public async Task A_failed_call_has_no_units()
    {
        var call = new SomeCall(new ChatStreamUsage(false));
        await call.Meter.EndAsync(UsageStatus.Failed);
        call.Ends.Single().Usage.ShouldBe(new());
    }

    [Fact]
    public async Task An_event_too_long_to_hold_back_is_never_begun()
    {
        var bytes = Encoding.UTF8.GetBytes(Text([Role(0), Content(0, "ab"), Content(0, new string('x', 2 << 20)), Done]));
        var call = new SomeCall(new ChatStreamUsage(true), SomeCall.NewHold(stepwise: true), _ => ValueTask.FromResult(true));
        var upstream = new PiecesStream(bytes.Chunk(16000));
        var text = await ReadAsync(new UsageObservingStream(upstream, call.Meter, null, true), [4096], () => call.Ends.Count > 0);
        new ChatStreamText(text).Choices[0].ShouldBe(("assistant", "ab", "length"));
        (call.Ends.Single().Status, call.Ends.Single().Usage.OutputTokens, upstream.IsDisposed).ShouldBe((UsageStatus.CutOff, 1, true));
    }

    [Fact]
    public async Task A_json_answer_is_never_cut()
    {
        var json = """{"model":"m","choices":[{"message":{"content":"a\n\nb"}}],"usage":{"prompt_tokens":1,"completion_tokens":2}}""";
        foreach (var stream in new[] { true, false })
        {
            var hold = SomeCall.NewHold(stepwise: true);
            hold.IsLost = true;
            var call = new SomeCall(stream ? new ChatStreamUsage(true) : new JsonUsage(ChatUsage.Parse), hold, _ => ValueTask.FromResult(false), stream);
            var text = await ReadAsync(new UsageObservingStream(new PiecesStream(Cut(json, [5])), call.Meter, json.Length, false), [7], () => call.Ends.Count > 0);
            text.ShouldBe(json);
            (call.Ends.Single().Status, call.Ends.Single().Usage.OutputTokens).ShouldBe((UsageStatus.Completed, 2));
        }
    }

    [Theory]
    [InlineData(false, false)]
    [InlineData(true, false)]
    [InlineData(true, true)]
    public async Task A_stream_that_the_upstream_breaks_off_breaks_off_for_the_client_too(bool hides, bool stepwise)
    {
        var call = new SomeCall(new ChatStreamUsage(hides), SomeCall.NewHold(stepwise), _ => ValueTask.FromResult(true));
        var stream = new UsageObservingStream(new PiecesStream([Encoding.UTF8.GetBytes(Text([Role(0), Content(0, "a"), Content(0, "b"), Content(0, "c")]))]) { Breaks = true }, call.Meter, null, hides);
        await Should.ThrowAsync<IOException>(() => ReadAsync(stream, [4096], () => false));
        await call.Meter.EndAsync(UsageStatus.CutOff);   // as the forwarder does
        call.Ends.Single().Usage.OutputTokens.ShouldBe(3, "a token an event at least, though three bytes would be one");
    }

    [Theory]
    [InlineData(2, 2)]
    [InlineData(1000, 25)]
    public void An_estimate_is_four_bytes_a_token_and_never_beyond_what_was_held_for(long bound, long tokens)
    {
        var call = new SomeCall(new ChatStreamUsage(false), outputBound: bound);
        call.Meter.Reader.Feed(Encoding.UTF8.GetBytes(Content(0, new string('x', 100)).Text), null);
        call.Meter.Counted.ShouldBe(new() { Requests = 1, InputTokens = 9, OutputTokens = tokens });
    }

    [Fact]
    public async Task A_stream_allocates_nothing_for_each_piece()
    {
        var piece = Encoding.UTF8.GetBytes(Content(0, "tick tick").Text);
        foreach (var stepwise in new[] { false, true })
        {
            var call = new SomeCall(new ChatStreamUsage(true), SomeCall.NewHold(stepwise), _ => ValueTask.FromResult(true));
            var (stream, buffer) = (new UsageObservingStream(new SameForEver(piece), call.Meter, null, true), new byte[4096]);
            for (var i = 0; i < 100; i++)
                (await stream.ReadAsync(buffer)).ShouldBe(piece.Length);
            var before = GC.GetAllocatedBytesForCurrentThread();
            var read = 0L;
            for (var i = 0; i < 1000; i++)
                read += await stream.ReadAsync(buffer);
            (GC.GetAllocatedBytesForCurrentThread() - before).ShouldBeLessThan(IsOptimised ? 1000 : 1000 * 400);
            read.ShouldBe(1000 * piece.Length);
        }
    }

#if DEBUG
    private const bool IsOptimised = false;   // there state machines are classes
#else
    private const bool IsOptimised = true;
#endif

    private static List<byte[]> Cut(string text, int[] sizes)
    {
        var (bytes, pieces, at) = (Encoding.UTF8.GetBytes(text), new List<byte[]>(), 0);
        for (var i = 0; at < bytes.Length; i++)
        {
            var size = Math.Min(sizes[i % sizes.Length], bytes.Length - at);
            pieces.Add(bytes[at..(at + size)]);
            at += size;
        }
        return pieces;
    }

    /// <summary>Reads as YARP does, an empty read before each; the call must have ended before its last byte is here.</summary>
    private static async Task<string> ReadAsync(UsageObservingStream stream, int[] sizes, Func<bool> hasEnded, int least = 1)
    {
        var (text, buffer) = (new List<byte>(), new byte[4096]);
        for (var i = 0; ; i++)
        {
            (await stream.ReadAsync(Memory<byte>.Empty)).ShouldBe(0);
            var count = await stream.ReadAsync(buffer.AsMemory(0, Math.Max(sizes[i % sizes.Length], least)));
            if (count == 0)
                break;
            text.AddRange(buffer[..count]);
            if (Encoding.UTF8.GetString([.. text]).EndsWith("[DONE]\n\n", StringComparison.Ordinal))
                hasEnded().ShouldBeTrue("ended before the last byte is out");
        }
        (await stream.ReadAsync(buffer)).ShouldBe(0);
        return Encoding.UTF8.GetString([.. text]);
    }

    private sealed class SameForEver(byte[] piece) : MemoryStream
    {
        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
        {
            piece.CopyTo(buffer);
            return new(piece.Length);
        }
    }
}
