using System.Globalization;
using System.Net.Sockets;
using System.Text;

namespace Quota.TestKit;

/// <summary>A server's own error reply, such as <c>READONLY You can't write against a read only replica.</c></summary>
public sealed class RedisErrorException(string reply) : Exception(reply);

/// <summary>One command over a fresh connection in Redis's own protocol (RESP2). For setting up tests, not for speed.</summary>
internal static class RedisWire
{
    /// <summary>The answer as text; arrays a line each, nil as null. Throws <see cref="RedisErrorException"/> on an error reply.</summary>
    public static async Task<string?> SendAsync(int port, IReadOnlyList<string> words)
    {
        using var client = new TcpClient();
        await client.ConnectAsync("127.0.0.1", port);
        var stream = client.GetStream();
        await stream.WriteAsync(Encoding.UTF8.GetBytes($"*{words.Count}\r\n" + string.Concat(words.Select(word => $"${Encoding.UTF8.GetByteCount(word)}\r\n{word}\r\n"))));
        // Latin-1: a byte is a character, so lengths are right whatever the bytes mean.
        using var reader = new StreamReader(stream, Encoding.Latin1);
        return await ReadAsync(reader);
    }

    private static async Task<string?> ReadAsync(StreamReader reader)
    {
        var line = await reader.ReadLineAsync() ?? throw new IOException("The server closed the connection.");
        var rest = line[1..];
        switch (line[0])
        {
            case '-':
                throw new RedisErrorException(rest);
            case '$' when Number(rest) is var length and >= 0:
                var text = new char[length + 2];
                if (await reader.ReadBlockAsync(text) < text.Length)
                    throw new IOException("The server closed the connection.");
                return Encoding.UTF8.GetString(Encoding.Latin1.GetBytes(text, 0, length));
            case '*' when Number(rest) is var count and >= 0:
                var items = new List<string?>();
                for (var i = 0; i < count; i++)
                    items.Add(await ReadAsync(reader));
                return string.Join('\n', items);
            case '$' or '*':
                return null;
            default:
                return rest;
        }
    }

    private static int Number(string text) => int.Parse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture);
}
