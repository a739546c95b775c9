using System.Buffers;
using System.Text;
using CsCheck;
using Quota.Gateway.Providers;
using Quota.Gateway.Providers.Framing;
using Quota.TestKit;

namespace Quota.Gateway.Tests.Providers.Framing;

/// <summary>Whatever an upstream sends: nothing throws, nothing is lost, no number is negative.</summary>
public sealed class FramingFuzzTests
{
    private static readonly string[] Sound = ["anthropic-sdk--tool_use_response.sse", "openai--openai-custom-tool.1.chunks.txt", "mistral--mistral-text.chunks.txt"];

    private static readonly Gen<(int At, byte Value)[]> Edits = Gen.Select(Gen.Int[0, 1 << 20], Gen.Byte).Array[0, 40];

    [Fact]
    public void Events_of_random_bytes_and_of_damaged_streams()
    {
        Gen.Select(Gen.Byte.Array[0, 600], Gen.Int[1, 70].Array[1, 20]).Sample((bytes, sizes) =>
        {
            foreach (var framing in EventStreams.Framings)
                Check(framing, bytes, sizes);
        }, iter: LongForm.Pick(1_000, 100_000));
        foreach (var framing in EventStreams.Framings)
        {
            byte[] sound = [.. EventStreams.Parts(framing).SelectMany(it => it)];
            Gen.Select(Edits, Gen.Int[1, 70].Array[1, 20]).Sample((edits, sizes) => Check(framing, Damaged(sound, edits), sizes), iter: LongForm.Pick(500, 50_000));
        }

        static void Check(string framing, byte[] bytes, int[] sizes)
        {
            var (log, stepping) = (new EventLog(framing).Feed(EventStreams.Pieces(bytes, sizes)), new EventLog(framing));
            log.Kept.ShouldBe(Encoding.Latin1.GetString(bytes));
            log.Reader.UnreadBytes.ShouldBeInRange(0, bytes.Length);
            log.Said.Sum(it => it.Length).ShouldBeLessThanOrEqualTo(bytes.Length + log.Said.Count * 3);
            stepping.Step([bytes]).Count(it => it == EventStep.Whole).ShouldBeGreaterThanOrEqualTo(log.Said.Count);
        }
    }

    [Fact]
    public void Compressed_streams_of_random_bytes_and_damaged_ones()
    {
        foreach (var coding in Recordings.Codings)
        {
            foreach (var name in Sound)
            {
                var sound = Recordings.Compressed(coding, Recordings.Bytes(name));
                Gen.Select(Edits, Gen.Int[1, 900].Array[1, 20], Gen.Byte.Array[0, 300]).Sample((edits, sizes, noise) =>
                {
                    Check(name, coding, Damaged(sound, edits), sizes);
                    Check(name, coding, noise, sizes);
                }, iter: LongForm.Pick(60, 5_000));
            }
        }

        static void Check(string name, string coding, byte[] bytes, int[] sizes)
        {
            var (reader, kept) = (DecodedUsage.For(coding.Split(' ')[0], Recordings.Reader(name)), new ArrayBufferWriter<byte>());
            foreach (var piece in EventStreams.Pieces(bytes, sizes))
                reader.Feed(piece, kept);
            reader.End(kept);
            kept.WrittenSpan.SequenceEqual(bytes).ShouldBeTrue();
            reader.OutputBytes.ShouldBeInRange(0, 1_040L * bytes.Length + (4 << 20));
            if (reader.Usage is { } usage)
                new[] { usage.InputTokens, usage.OutputTokens, usage.CachedInputTokens, usage.CacheWriteTokens, usage.ReasoningTokens }.ShouldAllBe(count => count >= 0);
        }
    }

    private static byte[] Damaged(byte[] sound, (int At, byte Value)[] edits)
    {
        var bytes = sound.ToArray();
        foreach (var (at, value) in edits)
            bytes[at % bytes.Length] = value;
        return bytes;
    }
}
