using System.IO.Compression;
using System.Text;
using System.Text.Json;
using Quota.Gateway.Providers;
using Quota.Gateway.Providers.Anthropic;
using Quota.Gateway.Providers.OpenAi;
using Quota.TestKit;

namespace Quota.Gateway.Tests.Providers.Framing;

/// <summary>Recorded streams with their framing put back, plain and compressed, and the reader of each.</summary>
internal static class Recordings
{
    public static readonly string[] Codings = ["gzip", "deflate", "deflate without zlib's frame", "br"];

    public static readonly string[] Names =
    [
        .. Directory.GetFiles(Folder, "*.chunks.txt").Concat(Directory.GetFiles(Folder, "*.sse")).Select(it => Path.GetFileName(it)).Order(StringComparer.Ordinal),
    ];

    private static string Folder => Path.Combine(Repository.Root, "tests/Quota.Gateway.Tests/Providers/Recordings");

    public static UsageReader Reader(string name, bool hidesUsage = false)
    {
        if (name.StartsWith("anthropic", StringComparison.Ordinal))
            return new MessagesStreamUsage();
        return IsResponses(name) ? new ResponsesStreamUsage() : new ChatStreamUsage(hidesUsage);
    }

    public static byte[] Bytes(string name)
    {
        var path = Path.Combine(Folder, name);
        if (name.EndsWith(".sse", StringComparison.Ordinal))
            return Encoding.UTF8.GetBytes(File.ReadAllText(path).TrimEnd() + "\n\n");
        var events = File.ReadAllLines(path).Where(line => line.Length > 0);
        if (name.StartsWith("anthropic", StringComparison.Ordinal) || IsResponses(name))
            return Encoding.UTF8.GetBytes(string.Concat(events.Select(it => $"event: {JsonElement.Parse(it).GetProperty("type").GetString()}\ndata: {it}\n\n")));
        return Encoding.UTF8.GetBytes(string.Concat(events.Select(it => $"data: {it}\n\n")) + "data: [DONE]\n\n");
    }

    public static byte[] Compressed(string coding, byte[] bytes, CompressionLevel level = CompressionLevel.Optimal)
    {
        var output = new MemoryStream();
        using (Stream stream = coding switch
        {
            "gzip" => new GZipStream(output, level),
            "deflate" => new ZLibStream(output, level),
            "br" => new BrotliStream(output, level),
            _ => new DeflateStream(output, level),
        })
            stream.Write(bytes);
        return output.ToArray();
    }

    private static bool IsResponses(string name) => name.StartsWith("openai--openai-custom-tool", StringComparison.Ordinal) || name.StartsWith("openai--openai-phase", StringComparison.Ordinal)
        || name.StartsWith("openai--openai-error", StringComparison.Ordinal);
}
