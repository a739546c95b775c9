using System.Buffers;
using System.Text;
using CsCheck;
using Quota.Gateway.Providers;
using Quota.Gateway.Providers.Framing;
using Quota.Gateway.Providers.OpenAi;
using Quota.TestKit;

namespace Quota.Gateway.Tests.Providers.Framing;

/// <summary>A compressed answer is read as the plain one is, passes as it came, and neither garbage nor a bomb does harm.</summary>
public sealed class DecodedUsageTests
{
    private const string Answer = """{"model":"m-1","choices":[{"message":{"content":"a"}}],"usage":{"prompt_tokens":3,"completion_tokens":4}}""";

    public static TheoryData<string, string> Streams => new(Recordings.Names.SelectMany(name => Recordings.Codings.Select(coding => (name, coding))));

    public static TheoryData<string> Codings => [.. Recordings.Codings];

    private static UsageReader For(string coding, UsageReader inner) => DecodedUsage.For(coding.Split(' ')[0], inner);

    [Theory]
    [MemberData(nameof(Streams))]
    public void A_recording_gives_the_same_as_when_plain_at_every_cut(string name, string coding)
    {
        var plain = Recordings.Bytes(name);
        var expected = Recordings.Reader(name);
        expected.Feed(plain, null);
        expected.End(null);
        var bytes = Recordings.Compressed(coding, plain);
        foreach (var pieces in EventStreams.Cuts(bytes, plain.Length > 20_000 ? LongForm.Pick(12, 2_000) : LongForm.Pick(150, 4_000)))
            Check(pieces);
        Gen.Int[1, 200].Array[1, 40].Sample(sizes => Check(EventStreams.Pieces(bytes, sizes)), iter: LongForm.Pick(10, 500), threads: 1);

        void Check(byte[][] pieces)
        {
            var (reader, kept) = (For(coding, Recordings.Reader(name, hidesUsage: true)), new ArrayBufferWriter<byte>());
            foreach (var piece in pieces)
                reader.Feed(piece, kept);
            reader.End(kept).ShouldBe(EventStep.More);
            kept.WrittenSpan.SequenceEqual(bytes).ShouldBeTrue();
            (reader.Usage, reader.InputKnown, reader.ResponseModel).ShouldBe((expected.Usage, expected.InputKnown, expected.ResponseModel));
            (reader.IsComplete, reader.OutputBytes, reader.TextEvents).ShouldBe((expected.IsComplete, expected.OutputBytes, expected.TextEvents));
            reader.UsageRaw.ShouldBe(expected.UsageRaw);
        }
    }

    [Theory]
    [MemberData(nameof(Codings))]
    public void A_json_answer_is_read_and_its_usage_known_before_the_end(string coding)
    {
        var reader = For(coding, new JsonUsage(ChatUsage.Parse));
        reader.Feed(Recordings.Compressed(coding, Encoding.UTF8.GetBytes(Answer)), null);
        reader.IsComplete.ShouldBeTrue();
        reader.Usage.ShouldBe(new() { Requests = 1, InputTokens = 3, OutputTokens = 4 });
        (reader.ResponseModel, reader.OutputBytes).ShouldBe(("m-1", Answer.Length));
    }

    [Theory]
    [MemberData(nameof(Codings))]
    public void It_cannot_be_cut_so_it_tells_of_no_event(string coding)
    {
        var (reader, kept) = (For(coding, new ChatStreamUsage(hidesUsage: true)), new ArrayBufferWriter<byte>());
        var bytes = Recordings.Compressed(coding, Recordings.Bytes("mistral--mistral-text.chunks.txt"));
        reader.Next(bytes, kept, out var taken).ShouldBe(EventStep.More);
        taken.ShouldBe(bytes.Length);
        reader.TakeBack().ShouldBeFalse();
        reader.WriteEnding(kept, new());
        kept.WrittenSpan.SequenceEqual(bytes).ShouldBeTrue();
        reader.Usage.ShouldNotBeNull().OutputTokens.ShouldBe(8);
    }

    /// <summary>Also what a reader will be able to say one day: every property is compared.</summary>
    [Fact]
    public void All_that_the_inner_reader_says_is_said()
    {
        var inner = new Sayer();
        var reader = DecodedUsage.For("gzip", inner);
        reader.End(null);
        foreach (var property in typeof(UsageReader).GetProperties())
            property.GetValue(reader).ShouldBe(property.GetValue(inner).ShouldNotBeNull(property.Name), property.Name);
        var asked = DecodedUsage.For("zstd", new Sayer());
        using var answer = new HttpResponseMessage();
        asked.Answered(answer.Headers);
        asked.ResponseModel.ShouldBe("told by a header");
    }

    /// <summary>Says something of everything.</summary>
    private sealed class Sayer : UsageReader
    {
        public Sayer()
        {
            (Usage, InputKnown, UsageRaw, IsComplete) = (new() { OutputTokens = 1 }, new() { InputTokens = 2 }, [3], true);
            (ResponseModel, ServiceTier, ProviderCost) = ("m", "flex", 0.5m);
        }

        public override long OutputBytes => 4;

        public override long TextEvents => 5;

        public override void Answered(System.Net.Http.Headers.HttpResponseHeaders headers) => ResponseModel = "told by a header";

        public override void Feed(ReadOnlySpan<byte> data, IBufferWriter<byte>? kept)
        {
        }
    }

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("identity")]
    [InlineData(" Identity ")]
    public void What_is_not_compressed_is_left_to_its_own_reader(string? coding)
    {
        var inner = new ChatStreamUsage(hidesUsage: true);
        DecodedUsage.For(coding, inner).ShouldBeSameAs(inner);
    }

    [Theory]
    [InlineData("GZIP")]
    [InlineData("x-gzip ")]
    public void A_coding_has_a_name_in_any_case_and_an_old_one(string coding)
    {
        var reader = DecodedUsage.For(coding, new JsonUsage(ChatUsage.Parse));
        reader.Feed(Recordings.Compressed("gzip", Encoding.UTF8.GetBytes(Answer)), null);
        reader.Usage.ShouldNotBeNull().InputTokens.ShouldBe(3);
    }

    [Theory]
    [InlineData("zstd")]
    [InlineData("gzip, br")]
    [InlineData("compress")]
    [InlineData("\u0001")]
    public void An_unknown_coding_passes_unread(string coding)
    {
        var (reader, kept) = (DecodedUsage.For(coding, new ChatStreamUsage(hidesUsage: true)), new ArrayBufferWriter<byte>());
        var bytes = Recordings.Bytes("mistral--mistral-text.chunks.txt");
        reader.Feed(bytes, kept);
        reader.End(kept);
        kept.WrittenSpan.SequenceEqual(bytes).ShouldBeTrue();
        (reader.Usage, reader.IsComplete, reader.OutputBytes).ShouldBe((null, false, 4 * bytes.Length));
    }

    [Theory]
    [MemberData(nameof(Codings))]
    public void What_follows_the_end_is_nothing_and_what_is_garbage_passes_unread(string coding)
    {
        var bytes = Recordings.Compressed(coding, Encoding.UTF8.GetBytes(Answer));
        foreach (var size in new[] { 1, 7, 5_000 })
        {
            var (sound, kept) = (For(coding, new JsonUsage(ChatUsage.Parse)), new ArrayBufferWriter<byte>());
            byte[] followed = [.. bytes, .. new byte[3_000]];
            foreach (var piece in followed.Chunk(size))
                sound.Feed(piece, kept);
            sound.End(kept);
            (sound.Usage!.OutputTokens, sound.OutputBytes, kept.WrittenCount).ShouldBe((4, Answer.Length, followed.Length));

            var garbled = For(coding, new JsonUsage(ChatUsage.Parse));
            byte[] garbage = [.. "\u0007"u8, .. Encoding.UTF8.GetBytes(string.Concat(Enumerable.Repeat("no coding at all; ", 300)))];
            foreach (var piece in garbage.Chunk(size))
                garbled.Feed(piece, null);
            garbled.End(null);
            garbled.Usage.ShouldBeNull();
            garbled.OutputBytes.ShouldBeInRange(4 * (garbage.Length - 100), 4 * garbage.Length + 100);
        }
    }

    [Theory]
    [MemberData(nameof(Codings))]
    public void A_compressed_answer_that_breaks_off_tells_what_came(string coding)
    {
        var bytes = Recordings.Compressed(coding, Recordings.Bytes("anthropic--anthropic-text.chunks.txt"));
        var known = 0;
        for (var cut = 0; cut < bytes.Length; cut++)
        {
            var reader = For(coding, Recordings.Reader("anthropic--anthropic-text.chunks.txt"));
            reader.Feed(bytes.AsSpan(0, cut), null);
            reader.End(null);
            known += reader.InputKnown?.InputTokens == 12 ? 1 : 0;
            reader.OutputBytes.ShouldBeInRange(0, 2_000);
        }
        known.ShouldBeGreaterThan(0);
    }

    [Theory]
    [MemberData(nameof(Codings))]
    public void A_bomb_is_not_unpacked(string coding)
    {
        var blanks = Recordings.Compressed(coding, new byte[64 << 20]);
        var reader = For(coding, new JsonUsage(ChatUsage.Parse));
        foreach (var piece in blanks.Chunk(16_384))
            reader.Feed(piece, null);
        // deflate gives 1,032 for one at most, brotli far more
        reader.OutputBytes.ShouldBeLessThan(coding == "br" ? DecodedUsage.FreeDecodedBytes + 100_000 : 1_000 * (blanks.Length + 16_384L));
        reader.OutputBytes.ShouldBeGreaterThanOrEqualTo(DecodedUsage.FreeDecodedBytes);
    }

    [Fact]
    public void No_more_than_its_bound_is_looked_at_whatever_the_ratio()
    {
        var words = new byte[1 << 20];
        new Random(1).NextBytes(words.AsSpan(0, 8_192));
        var member = Recordings.Compressed("gzip", words);   // members may follow one another (RFC 1952, 2.2)
        var reader = For("gzip", new JsonUsage(ChatUsage.Parse));
        for (var i = 0; i < 300; i++)
            reader.Feed(member, null);
        reader.OutputBytes.ShouldBeInRange(DecodedUsage.MaxDecodedBytes, DecodedUsage.MaxDecodedBytes + 20_000 + 50L * 4 * member.Length);
    }
}
