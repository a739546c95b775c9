using System.Buffers;
using System.Buffers.Binary;
using System.IO.Hashing;
using System.Text;
using System.Text.Json;
using Quota.Gateway.Providers;

namespace Quota.Gateway.Tests.Providers.Framing;

/// <summary>What Bedrock sent is read with its checksums; what is damaged passes unread, and all after it.</summary>
public sealed class AwsEventReaderTests
{
    private const string Plain = "bedrock--model-stream", Thinking = "bedrock--thinking-part-stream";

    [Fact]
    public void The_checksum_is_the_one_of_gzip() => Crc32.HashToUInt32("123456789"u8).ShouldBe(0xCBF43926);

    /// <summary>By hand, from the recordings: how many messages of each kind, and the numbers of the last.</summary>
    [Theory]
    [InlineData(Plain, 29, 1, 13, "The capital of France is Paris. Paris is not only the capital city but also the most populous city in France, and it is")]
    [InlineData(Thinking, 20, 2, 36, "The user has greeted me with a simple \"Hello\". I should respond in a friendly and welcoming manner.")]
    public void A_recorded_stream_is_read_at_every_cut(string name, int deltas, int blocks, long input, string begin)
    {
        var bytes = AwsMessages.Recorded(name);
        foreach (var pieces in EventStreams.Cuts(bytes, 1_500))
        {
            var log = new EventLog("aws").Feed(pieces);
            (log.Kept == Encoding.Latin1.GetString(bytes), log.Reader.UnreadBytes).ShouldBe((true, 0));
            log.Said.Select(it => it.Split(' ')[0]).Where(it => it != "contentBlockDelta").ShouldBe(["messageStart", .. Enumerable.Repeat("contentBlockStop", blocks), "messageStop", "metadata"]);
            log.Said.Count.ShouldBe(deltas + blocks + 3);
            JsonElement.Parse(log.Said[^1]["metadata ".Length..]).GetProperty("usage").GetProperty("inputTokens").GetInt64().ShouldBe(input);
            string.Concat(log.Said.Where(it => it.StartsWith("contentBlockDelta", StringComparison.Ordinal)).Select(TextOf)).ShouldStartWith(begin);
        }
    }

    private static string? TextOf(string said)
    {
        var delta = JsonElement.Parse(said["contentBlockDelta ".Length..]).GetProperty("delta");
        if (delta.TryGetProperty("reasoningContent", out var reasoning))
            delta = reasoning;
        return delta.TryGetProperty("text", out var text) ? text.GetString() : null;
    }

    [Fact]
    public void A_flipped_bit_is_noticed_wherever_it_is_and_nothing_after_it_is_read()
    {
        var sound = AwsMessages.Recorded(Plain);
        var first = BinaryPrimitives.ReadInt32BigEndian(sound);
        var second = BinaryPrimitives.ReadInt32BigEndian(sound.AsSpan(first));
        for (var bit = 8 * first; bit < 8 * (first + second); bit++)
        {
            var bytes = sound.ToArray();
            bytes[bit / 8] ^= (byte)(1 << bit % 8);
            foreach (var size in new[] { 100, 16_384 })
            {
                var log = new EventLog("aws").Feed(bytes.Chunk(size));
                log.Said.ShouldHaveSingleItem().ShouldStartWith("messageStart");
                log.Reader.UnreadBytes.ShouldBe(bytes.Length - first);
                log.Kept.ShouldBe(Encoding.Latin1.GetString(bytes));
            }
        }
    }

    [Fact]
    public void What_a_wrong_checksum_counted_can_be_taken_back_and_the_rest_cannot_be_held_back()
    {
        var (log, kept) = (new EventLog("aws"), new ArrayBufferWriter<byte>());
        byte[] message = AwsMessages.Event("a", "{}"), wrong = [.. message[..^1], (byte)~message[^1]];
        log.Reader.Next(wrong, kept, out _).ShouldBe(EventStep.Whole);
        log.Reader.UnreadBytes.ShouldBe(wrong.Length);
        log.Reader.TakeBack().ShouldBeTrue();
        log.Reader.UnreadBytes.ShouldBe(0);
        log.Reader.Next(message, kept, out _).ShouldBe(EventStep.TooLong);
    }

    [Theory]
    [InlineData(0, 0)]
    [InlineData(15, 0)]
    [InlineData(16, 1)]
    [InlineData(100, 85)]
    [InlineData(40, -1)]
    [InlineData(-1, -1)]
    public void Lengths_that_cannot_be_are_noticed_though_their_checksum_is_right(int total, int headers)
    {
        var bytes = new byte[200];
        BinaryPrimitives.WriteInt32BigEndian(bytes, total);
        BinaryPrimitives.WriteInt32BigEndian(bytes.AsSpan(4), headers);
        BinaryPrimitives.WriteUInt32BigEndian(bytes.AsSpan(8), Crc32.HashToUInt32(bytes.AsSpan(0, 8)));
        foreach (var pieces in EventStreams.Cuts([.. AwsMessages.Event("a", "{}"), .. bytes, .. AwsMessages.Event("a", "{}")]))
        {
            var log = new EventLog("aws").Feed(pieces);
            (log.Said.Count, log.Reader.UnreadBytes).ShouldBe((1, 200 + AwsMessages.Event("a", "{}").Length));
        }
    }

    [Fact]
    public void Headers_of_every_type_are_stepped_over()
    {
        var log = new EventLog("aws").Feed(AwsMessages.Of(
            "{}",
            AwsMessages.Header("true", 0), AwsMessages.Header("false", 1), AwsMessages.Header("byte", 2, 1), AwsMessages.Header("short", 3, 1, 2), AwsMessages.Header("integer", 4, 1, 2, 3, 4),
            AwsMessages.Header("long", 5, 1, 2, 3, 4, 5, 6, 7, 8), AwsMessages.Header("bytes", 6, 0, 3, 7, 7, 7), AwsMessages.Text("text", "t"), AwsMessages.Header("time", 8, 1, 2, 3, 4, 5, 6, 7, 8),
            AwsMessages.Header("uuid", 9, new byte[16]), AwsMessages.Header(":event-type", 6, 0, 1, (byte)'b'), AwsMessages.Text(":event-type", "chunk")));
        log.Said.ShouldBe(["chunk {}"]);
    }

    [Fact]
    public void Errors_say_which()
    {
        var log = new EventLog("aws").Feed(
            AwsMessages.Of("""{"message":"slow down"}""", AwsMessages.Text(":message-type", "exception"), AwsMessages.Text(":exception-type", "throttlingException")),
            AwsMessages.Of("", AwsMessages.Text(":error-code", "InternalError"), AwsMessages.Text(":error-message", "m"), AwsMessages.Text(":message-type", "error")),
            AwsMessages.Of("{}"));
        log.Said.ShouldBe(["""! throttlingException {"message":"slow down"}""", "! InternalError ", " {}"]);
    }

    [Theory]
    [InlineData(0, 7)]   // a name without a letter
    [InlineData(200, 7)]   // a name that goes beyond the headers
    [InlineData(1, 10)]   // a type that is none
    [InlineData(1, 9)]   // a value that goes beyond them
    [InlineData(1, 7)]
    public void Headers_that_cannot_be_leave_only_their_own_message_unread(byte nameLength, byte type)
    {
        byte[] bad = AwsMessages.Of("{}"u8.ToArray(), [nameLength, (byte)'n', type, 0, 9, 1]), good = AwsMessages.Event("a", "{}");
        var log = new EventLog("aws").Feed(bad, good);
        log.Said.ShouldBe(["a {}"]);
        log.Reader.UnreadBytes.ShouldBe(bad.Length);
    }

    [Fact]
    public void A_message_that_broke_off_is_not_read()
    {
        byte[] good = AwsMessages.Event("a", "{}");
        for (var cut = 1; cut < good.Length; cut++)
        {
            var log = new EventLog("aws").Feed(good, good[..cut]);
            log.Said.ShouldBe(["a {}"]);
            log.Reader.UnreadBytes.ShouldBe(cut);
            log.Kept.ShouldBe(Encoding.Latin1.GetString([.. good, .. good[..cut]]));
        }
    }
}
