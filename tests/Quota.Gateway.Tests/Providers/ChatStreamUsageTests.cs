using System.Buffers;
using System.Text;
using Quota.Gateway.Providers;
using Quota.Gateway.Providers.Framing;
using Quota.Gateway.Providers.OpenAi;
using Quota.Shared.Usage;
using static Quota.Gateway.Tests.Providers.ChatStreams;

namespace Quota.Gateway.Tests.Providers;

/// <summary>Stepping through a stream event by event, taking the last one back, and ending it well-formed.</summary>
public sealed class ChatStreamUsageTests
{
    private static readonly UsageCounts Counted = new() { Requests = 1, InputTokens = 5, CachedInputTokens = 2, OutputTokens = 3, ReasoningTokens = 1 };

    [Theory]
    [InlineData(1, true)]
    [InlineData(1, false)]
    [InlineData(3, true)]
    [InlineData(128, false)]
    public void Cut_before_any_event_a_stream_ends_well_formed(int choices, bool hidesUsage)
    {
        var events = Of(choices, "one", "two \"quoted\"", "drei €", "four", "five");
        for (var cut = 0; cut < events.Length - 2; cut++)
        {
            var (reader, kept) = (new ChatStreamUsage(hidesUsage, choices), new ArrayBufferWriter<byte>());
            foreach (var it in events[..cut])
                StepOver(reader, it, kept).ShouldBe(EventStep.Whole);
            var (bytes, textEvents) = (reader.OutputBytes, reader.TextEvents);
            bytes.ShouldBe(events[..cut].Sum(it => it.Bytes));
            var before = kept.WrittenCount;
            StepOver(reader, events[cut], kept);
            reader.TakeBack().ShouldBeTrue();
            (reader.OutputBytes, reader.TextEvents).ShouldBe((bytes, textEvents));

            var output = new ArrayBufferWriter<byte>();
            output.Write(kept.WrittenSpan[..before]);
            reader.WriteEnding(output, Counted);
            var read = new ChatStreamText(Encoding.UTF8.GetString(output.WrittenSpan));
            read.IsDone.ShouldBeTrue();
            read.Choices.Keys.Order().ShouldBe(Enumerable.Range(0, choices));
            read.Choices.Values.ShouldAllBe(choice => choice.Role == "assistant" && (choice.Finish == "length" || choice.Finish == "stop"));
            read.Choices.Values.Count(choice => choice.Finish == "stop").ShouldBe(events[..cut].Count(it => it.Text.Contains("\"stop\"", StringComparison.Ordinal)));
            read.Chunks.ShouldAllBe(chunk => chunk.GetProperty("id").GetString() == "chatcmpl-7" && chunk.GetProperty("created").GetInt64() == 1700000000
                && chunk.GetProperty("model").GetString() == "gpt-4o-mini-2024-07-18" && chunk.GetProperty("system_fingerprint").GetString() == "fp_1");
            (read.Usage is null).ShouldBe(hidesUsage);
            if (read.Usage is { } usage)
                ChatUsage.Parse(Encoding.UTF8.GetBytes(usage.GetRawText())).ShouldBe(Counted);
        }
    }

    [Fact]
    public void Steps_stop_at_events_however_the_bytes_are_cut()
    {
        var events = Of(2, "one", "two", "three");
        foreach (var newline in new[] { "\n", "\r\n" })
        {
            var bytes = Encoding.UTF8.GetBytes(Text(events).Replace("\n", newline, StringComparison.Ordinal));
            for (var size = 1; size < 400; size += size < 40 ? 1 : 37)
            {
                var (reader, kept, whole) = (new ChatStreamUsage(hidesUsage: false, 2), new ArrayBufferWriter<byte>(), 0);
                foreach (var piece in bytes.Chunk(size))
                {
                    for (var rest = piece.AsSpan(); !rest.IsEmpty;)
                    {
                        if (reader.Next(rest, kept, out var taken) == EventStep.Whole)
                        {
                            var handed = Encoding.UTF8.GetString(kept.WrittenSpan).Replace("\r\n", "\n", StringComparison.Ordinal);
                            handed.ShouldBe(Text(events[..++whole]));
                            reader.OutputBytes.ShouldBe(events[..whole].Sum(it => it.Bytes));
                        }
                        rest = rest[taken..];
                    }
                }
                whole.ShouldBe(events.Length);
            }
        }
    }

    [Theory]
    [InlineData("""{"content":"abc"}""", 3)]
    [InlineData("""{ "content" : "a\nb\u00e9" }""", 10)]
    [InlineData("""{"role":"assistant","content":""}""", 0)]
    [InlineData("""{"role":"assistant","content":null,"tool_calls":[{"index":0,"id":"call_1","type":"function","function":{"name":"get","arguments":"{\"a\":1}"}}]}""", 12)]
    [InlineData("""{"reasoning":"abc","reasoning_content":"de","refusal":"f"}""", 6)]
    [InlineData("""{"content":[{"type":"thinking","thinking":[{"type":"text","text":"hmm"}]}]}""", 3)]
    [InlineData("""{"c\u006fntent":"delta"}""", 5)]
    [InlineData("""{"content":"say \"delta\":{\"content\":\"no\"}"}""", 34)]
    [InlineData("null", 0)]
    [InlineData("""{"content":"never ends""", 80)]   // cannot be read: all that follows counts, never less
    public void All_that_a_model_wrote_counts_as_text(string delta, long bytes)
    {
        var reader = new ChatStreamUsage(hidesUsage: false);
        reader.Feed(Encoding.UTF8.GetBytes(Chunk(Choice(0, delta))), null);
        if (bytes < 80)
            (reader.OutputBytes, reader.TextEvents).ShouldBe((bytes, Math.Min(1, bytes)));
        else
            reader.OutputBytes.ShouldBeGreaterThan(20);
    }

    [Fact]
    public void Names_that_look_like_fields_hide_no_usage()
    {
        var reader = new ChatStreamUsage(hidesUsage: false);
        reader.Feed(Encoding.UTF8.GetBytes(Chunk(
            Choice(0, """{"tool_calls":[{"function":{"name":"usage","arguments":"finish_reason"}}]}"""), ""","usage":{"prompt_tokens":1,"completion_tokens":2}""")), null);
        reader.Usage.ShouldBe(new() { Requests = 1, InputTokens = 1, OutputTokens = 2 });
    }

    [Fact]
    public void An_event_whose_beginning_is_with_the_client_is_completed_never_taken_back()
    {
        var bytes = Encoding.UTF8.GetBytes(Content(0, "hello").Text);
        for (var cut = 1; cut < bytes.Length; cut++)
        {
            var (reader, kept) = (new ChatStreamUsage(hidesUsage: false), new ArrayBufferWriter<byte>());
            reader.Feed(bytes.AsSpan(0, cut), null);
            reader.Next(bytes.AsSpan(cut), kept, out var taken).ShouldBe(EventStep.Whole);
            taken.ShouldBe(bytes.Length - cut);
            kept.WrittenSpan.SequenceEqual(bytes.AsSpan(cut)).ShouldBeTrue();
            reader.TakeBack().ShouldBeFalse();
            reader.OutputBytes.ShouldBe(5);
        }
    }

    [Fact]
    public void An_event_that_is_too_long_to_hold_back_is_said_so_and_nothing_of_it_goes_out()
    {
        var (reader, kept) = (new ChatStreamUsage(hidesUsage: false), new ArrayBufferWriter<byte>());
        StepOver(reader, Content(0, "hello"), kept);
        var (before, step) = (kept.WrittenCount, EventStep.More);
        foreach (var piece in Encoding.UTF8.GetBytes(Content(0, new string('x', SseEventReader.MaxEventBytes + 20_000)).Text).Chunk(16384))
        {
            if ((step = reader.Next(piece, kept, out _)) == EventStep.TooLong)
                break;
        }
        step.ShouldBe(EventStep.TooLong);
        reader.TakeBack().ShouldBeTrue();
        (kept.WrittenCount, reader.OutputBytes).ShouldBe((before, 5));
    }

    [Theory]
    [InlineData("\n", 1)]
    [InlineData("\r\n", 1)]
    [InlineData("\r\n", 4096)]
    public void Text_that_passes_unread_counts_and_its_end_is_found(string newline, int size)
    {
        var huge = Content(0, new string('x', SseEventReader.MaxEventBytes + 20_000)).Text;
        var bytes = Encoding.UTF8.GetBytes((huge + Text([Content(0, "abc"), Done])).Replace("\n", newline, StringComparison.Ordinal));
        var reader = new ChatStreamUsage(hidesUsage: false);
        foreach (var piece in bytes.Chunk(size))
            reader.Feed(piece, null);
        reader.IsComplete.ShouldBeTrue();
        reader.OutputBytes.ShouldBe(Encoding.UTF8.GetByteCount(huge) + 2 * (newline.Length - 1) + 3);
    }

    [Theory]
    [InlineData("\n")]
    [InlineData("")]
    public void A_last_event_without_its_blank_line_is_read_all_the_same(string end)
    {
        var usage = Usage(11, 7).Text.TrimEnd('\n') + end;
        foreach (var hides in new[] { true, false })
        {
            var (reader, kept) = (new ChatStreamUsage(hides), new ArrayBufferWriter<byte>());
            reader.Feed(Encoding.UTF8.GetBytes(Finish(0).Text + usage), kept);
            reader.End(kept);
            reader.Usage.ShouldNotBeNull().OutputTokens.ShouldBe(7);
            Encoding.UTF8.GetString(kept.WrittenSpan).ShouldBe(Finish(0).Text + (hides ? "" : usage));
        }
    }

    [Fact]
    public void A_json_answer_to_a_stream_request_is_metered_and_passes_whole()
    {
        const string answer = """ {"model":"m-1","choices":[{"message":{"content":"a"}}],"usage":{"prompt_tokens":3,"completion_tokens":4}}""";
        var (reader, kept) = (new ChatStreamUsage(hidesUsage: true), new ArrayBufferWriter<byte>());
        foreach (var b in Encoding.UTF8.GetBytes(answer))
            reader.Next([b], kept, out _).ShouldBe(EventStep.More);
        reader.End(kept).ShouldBe(EventStep.More);
        Encoding.UTF8.GetString(kept.WrittenSpan).ShouldBe(answer);
        reader.Usage.ShouldBe(new() { Requests = 1, InputTokens = 3, OutputTokens = 4 });
        reader.ResponseModel.ShouldBe("m-1");
    }

    private static EventStep StepOver(ChatStreamUsage reader, Event it, ArrayBufferWriter<byte> kept)
    {
        var bytes = Encoding.UTF8.GetBytes(it.Text);
        var step = reader.Next(bytes, kept, out var taken);
        taken.ShouldBe(bytes.Length);
        return step;
    }
}
