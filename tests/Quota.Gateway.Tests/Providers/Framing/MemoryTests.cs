using System.IO.Compression;
using System.Text;
using Quota.Gateway.Providers.Framing;
using Quota.TestKit;

namespace Quota.Gateway.Tests.Providers.Framing;

/// <summary>A long answer takes little memory. Alone, because memory is the process's.</summary>
[CollectionDefinition("memory", DisableParallelization = true)]
[Collection("memory")]
public sealed class MemoryTests
{
    private const long MaxBytes = 64 << 20;

    private static readonly string[] Names = ["anthropic-sdk--tool_use_response.sse", "openai--openai-custom-tool.1.chunks.txt", "mistral--mistral-text.chunks.txt"];

    public static TheoryData<string, string> Feeds => new(
        from name in Names
        from coding in new[] { "identity", "gzip", "deflate", "br" }
        select (name, coding));

    /// <summary>The same events over and over, and between them one that is too long to be read.</summary>
    [Theory]
    [MemberData(nameof(Feeds))]
    public void A_long_answer_takes_little_memory(string name, string coding)
    {
        var reader = DecodedUsage.For(coding, Recordings.Reader(name));
        var (events, noise) = (Recordings.Bytes(name), Convert.ToBase64String(Noise(3 << 20)));   // a base64 of noise does not compress to a bomb
        byte[] once = [.. Enumerable.Repeat(events, (1 << 18) / events.Length).SelectMany(it => it), .. Encoding.UTF8.GetBytes($"data: {noise}\n\n")];
        var again = coding is "identity" or "gzip";   // members of gzip may follow one another
        var bytes = coding == "identity" ? once : Recordings.Compressed(coding, [.. Enumerable.Repeat(once, again ? 1 : LongForm.Pick(2, 50)).SelectMany(it => it)], CompressionLevel.Fastest);
        var before = GC.GetTotalMemory(forceFullCollection: true);
        var most = 0L;
        for (var round = 0; round < (again ? LongForm.Pick(2, 50) : 1); round++)
        {
            for (var at = 0; at < bytes.Length; at += 16_384)
            {
                reader.Feed(bytes.AsSpan(at, Math.Min(16_384, bytes.Length - at)), null);
                if (at % (1 << 20) == 0)
                    most = Math.Max(most, GC.GetTotalMemory(forceFullCollection: true) - before);
            }
        }
        most.ShouldBeLessThan(MaxBytes);
        reader.OutputBytes.ShouldBeInRange(LongForm.Pick(8L, 200L) << 20, LongForm.Pick(10L, 250L) << 20);
        reader.Usage.ShouldNotBeNull();
    }

    private static byte[] Noise(int length)
    {
        var bytes = new byte[length];
        new Random(1).NextBytes(bytes);
        return bytes;
    }
}
