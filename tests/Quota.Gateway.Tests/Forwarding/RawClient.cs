using System.Net.Sockets;
using System.Text;

namespace Quota.Gateway.Tests.Forwarding;

/// <summary>A connection to the gateway whose bytes no library tidies.</summary>
public sealed class RawClient : IDisposable
{
    private static readonly TimeSpan Bound = TimeSpan.FromSeconds(20);
    private readonly TcpClient _client = new();
    private readonly CancellationTokenSource _bound = new(Bound);

    private RawClient()
    {
    }

    public NetworkStream Stream => _client.GetStream();

    public static async Task<RawClient> ConnectAsync(string url)
    {
        var client = new RawClient();
        await client._client.ConnectAsync("127.0.0.1", new Uri(url).Port);
        return client;
    }

    /// <summary>Sends a head, without its last empty line, and a body; reads the head and what follows it until the connection ends.</summary>
    public static async Task<(string Head, byte[] Body)> AskAsync(string url, string head, byte[]? body = null)
    {
        using var client = await ConnectAsync(url);
        await client.SendAsync([.. RawServer.Bytes(head.Trim().ReplaceLineEndings("\r\n") + "\r\nConnection: close\r\n\r\n"), .. body ?? []]);
        return await client.RestAsync();
    }

    public async Task SendAsync(byte[] bytes) => await Stream.WriteAsync(bytes, _bound.Token);

    /// <summary>The next head, with its last empty line; empty when the connection ends before it.</summary>
    public Task<string> HeadAsync() => ReadHeadAsync(Stream, _bound.Token);

    public async Task<(string Head, byte[] Body)> RestAsync()
    {
        var head = await HeadAsync();
        using var rest = new MemoryStream();
        await Stream.CopyToAsync(rest, _bound.Token);
        return (head, rest.ToArray());
    }

    public static async Task<string> ReadHeadAsync(NetworkStream stream, CancellationToken cancellation)
    {
        var head = new StringBuilder();
        var one = new byte[1];
        while (head.Length < 4 || head[^1] != '\n' || head[^2] != '\r' || head[^3] != '\n')
        {
            if (await stream.ReadAsync(one, cancellation) == 0)
                return "";
            head.Append((char)one[0]);
        }
        return head.ToString();
    }

    /// <summary>The values of a header in a head, one for each line of it.</summary>
    public static IReadOnlyList<string> Values(string head, string name) =>
        [.. head.Split("\r\n").Skip(1).Where(line => line.StartsWith(name + ":", StringComparison.OrdinalIgnoreCase)).Select(line => line[(name.Length + 1)..].Trim(' '))];

    public void Dispose()
    {
        _client.Dispose();
        _bound.Dispose();
    }
}
