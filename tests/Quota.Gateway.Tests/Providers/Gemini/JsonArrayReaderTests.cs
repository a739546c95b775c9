using System.Buffers;
using System.Text;
using Quota.Gateway.Providers;
using Quota.Gateway.Providers.Framing;
using Quota.Gateway.Providers.Gemini;
using Quota.Gateway.Tests.Providers.Framing;
using Quota.TestKit;

namespace Quota.Gateway.Tests.Providers.Gemini;

/// <summary>Elements of an array come out one by one however the bytes are cut, and none of them can fill the memory.</summary>
public sealed class JsonArrayReaderTests
{
    private static readonly string[] Elements = ["""{"a":"}]\\\"{["}""", """{"b":[{"c":[[]]},"\\"]}""", """{"d":"ünï"}"""];
    private static readonly string[] Parts = [$"[{Elements[0]}", $"\n,\r\n{Elements[1]}", $",{Elements[2]}", "\n]"];

    [Fact]
    public void Any_cut_gives_the_same_elements()
    {
        var bytes = Encoding.UTF8.GetBytes(string.Concat(Parts) + "\n");
        foreach (var pieces in EventStreams.Cuts(bytes))
        {
            var (said, kept) = (new List<string>(), new ArrayBufferWriter<byte>());
            var reader = Reader(said);
            foreach (var piece in pieces)
                reader.Feed(piece, kept);
            reader.End(kept);
            said.ShouldBe([.. Elements, "]"]);
            (kept.WrittenSpan.SequenceEqual(bytes), reader.UnreadBytes).ShouldBe((true, 0));
        }
    }

    [Fact]
    public void A_step_goes_to_the_end_of_an_element_and_no_further()
    {
        var (reader, bytes, at) = (Reader([]), Encoding.UTF8.GetBytes(string.Concat(Parts)), 0);
        foreach (var part in Parts)
        {
            reader.Next(bytes.AsSpan(at), new ArrayBufferWriter<byte>(), out var taken).ShouldBe(EventStep.Whole);
            taken.ShouldBe(Encoding.UTF8.GetByteCount(part));
            reader.TakeBack().ShouldBeTrue();
            at += taken;
        }
    }

    [Fact]
    public void An_element_that_is_too_long_passes_unread_and_the_next_is_read()
    {
        var huge = $"[{{\"x\":\"{new string('x', EventReader.MaxEventBytes)}\"}}";
        var bytes = Encoding.UTF8.GetBytes(huge + string.Concat(Parts)[1..].Insert(0, ","));
        foreach (var size in new[] { 1_000, 16_384, bytes.Length })
        {
            var (said, kept) = (new List<string>(), new ArrayBufferWriter<byte>());
            var reader = Reader(said);
            foreach (var piece in bytes.Chunk(size))
                reader.Feed(piece, kept);
            said.ShouldBe([.. Elements, "]"]);
            (reader.UnreadBytes, kept.WrittenSpan.SequenceEqual(bytes)).ShouldBe((huge.Length, true));
        }
    }

    [Fact]
    public void Nothing_grows_with_an_element_that_never_ends()
    {
        var (said, piece) = (new List<string>(), Encoding.UTF8.GetBytes("[{\"x\":\"" + new string('x', LongForm.Pick(8, 200) << 20)));
        var reader = Reader(said);
        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var at = 0; at < piece.Length; at += 16_384)
            reader.Feed(piece.AsSpan(at, Math.Min(16_384, piece.Length - at)), null);
        reader.End(null);
        (GC.GetAllocatedBytesForCurrentThread() - before).ShouldBeLessThan(4 << 20);
        (said.Count, reader.UnreadBytes).ShouldBe((0, piece.Length));
    }

    [Theory]
    [InlineData("[]", "]")]
    [InlineData(" [ ] ", "]")]
    [InlineData("""{"error":{"code":400}}""", """{"error":{"code":400}}""")]
    [InlineData("}]{\"a\":1}", null)]
    [InlineData("", null)]
    public void Other_shapes_are_taken_as_they_are(string text, string? last)
    {
        var said = new List<string>();
        var (reader, kept) = (Reader(said), new ArrayBufferWriter<byte>());
        reader.Feed(Encoding.UTF8.GetBytes(text), kept);
        reader.End(kept);
        Encoding.UTF8.GetString(kept.WrittenSpan).ShouldBe(text);
        if (last is not null)
            said.ShouldBe([last]);
    }

    private static JsonArrayReader Reader(List<string> said) => new(piece =>
    {
        said.Add(Encoding.UTF8.GetString(piece.Name.IsEmpty ? piece.Data : piece.Name));
        return true;
    });
}
