using CsCheck;
using Quota.Gateway.Providers;

namespace Quota.Gateway.Tests.Providers;

/// <summary>A body with edits reads as if it had been copied together, whatever the sizes of the reads.</summary>
public sealed class SplicedBodyTests
{
    private static readonly Gen<byte[]> Bytes = Gen.Byte.Array[0, 40];

    /// <summary>Gaps between edits, bytes removed, bytes inserted; then the rest of the original.</summary>
    private static readonly Gen<((int Gap, int Remove, byte[] Insert)[] Edits, int Tail, int[] Reads)> Cases = Gen.Select(
        Gen.Select(Gen.Int[0, 12], Gen.Int[0, 5], Bytes, (gap, remove, insert) => (gap, remove, insert)).Array[0, 5], Gen.Int[0, 12], Gen.Int[1, 9].Array[1, 30]);

    [Fact]
    public void Any_edits_read_in_any_sizes_give_the_bytes_of_a_copy()
    {
        Cases.Sample((edits, tail, reads) =>
        {
            var original = new byte[edits.Sum(edit => edit.Gap + edit.Remove) + tail];
            for (var i = 0; i < original.Length; i++)
                original[i] = (byte)i;
            var (expected, at, body) = (new List<byte>(), 0, new SplicedBody(original));
            foreach (var (gap, remove, insert) in edits)
            {
                expected.AddRange(original[at..(at + gap)]);
                expected.AddRange(insert);
                body = body.With(new BodyEdit(at + gap, remove, insert));
                at += gap + remove;
            }
            expected.AddRange(original[at..]);

            body.Length.ShouldBe(expected.Count);
            Read(body, reads).ShouldBe(expected);
        });
    }

    [Fact]
    public void Edits_may_come_in_any_order_and_those_of_one_place_stay_in_theirs()
    {
        var body = new SplicedBody("0123456789"u8.ToArray())
            .With(new BodyEdit(10, 0, "A"u8.ToArray())).With(new BodyEdit(0, 1, "B"u8.ToArray())).With(new BodyEdit(10, 0, "C"u8.ToArray())).With(new BodyEdit(5, 2, default));
        Text(body).ShouldBe("B1234789AC");
        body.Length.ShouldBe(10);
        Text(default).ShouldBe("");
    }

    [Fact]
    public void A_disposed_stream_reads_no_more()
    {
        var stream = new SplicedBody("abc"u8.ToArray()).OpenRead();
        stream.ReadByte().ShouldBe('a');
        stream.Dispose();
        Should.Throw<ObjectDisposedException>(() => stream.ReadByte());
    }

    internal static string Text(SplicedBody body) => System.Text.Encoding.UTF8.GetString([.. Read(body, [3])]);

    internal static List<byte> Read(SplicedBody body, int[] sizes)
    {
        using var stream = body.OpenRead();
        stream.Length.ShouldBe(body.Length);
        var (read, buffer) = (new List<byte>(), new byte[64]);
        for (var i = 0; ; i++)
        {
            stream.Read([]).ShouldBe(0);
            var count = stream.Read(buffer.AsSpan(0, sizes[i % sizes.Length]));
            if (count == 0)
                return read;
            read.AddRange(buffer[..count]);
            stream.Position.ShouldBe(read.Count);
        }
    }
}
