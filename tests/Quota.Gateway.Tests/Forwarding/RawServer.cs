using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Quota.Gateway.Tests.Forwarding;

/// <summary>
/// An upstream that answers with the very bytes that it is given, one request a connection, and keeps what it was asked. Without an answer for a
/// path it says 500.
/// </summary>
public sealed class RawServer : IAsyncDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly ConcurrentDictionary<string, byte[]> _answers = new();
    private readonly ConcurrentQueue<RawRequest> _asked = new();
    private readonly CancellationTokenSource _stop = new();
    private readonly Task _accepting;

    public RawServer()
    {
        _listener.Start();
        _accepting = AcceptAsync();
    }

    /// <summary>Without a trailing slash.</summary>
    public string BaseUrl => $"http://127.0.0.1:{((IPEndPoint)_listener.LocalEndpoint).Port}";

    /// <summary>What to answer to a path from now on: a head whose lines end with <c>\n</c>, without the empty line, and a body.</summary>
    public void Answer(string path, string head, byte[]? body = null) =>
        _answers[path] = [.. Bytes(head.Trim().ReplaceLineEndings("\r\n") + "\r\nConnection: close\r\n\r\n"), .. body ?? []];

    /// <summary>What was asked of a path.</summary>
    public IReadOnlyList<RawRequest> Asked(string path) => [.. _asked.Where(request => request.Path == path)];

    /// <summary>A letter a byte, as headers are (RFC 9110, 5.5).</summary>
    public static byte[] Bytes(string text) => Encoding.Latin1.GetBytes(text);

    /// <summary>A body in chunks of so many bytes, with its trailers.</summary>
    public static byte[] Chunked(byte[] body, int size = 5000, string trailers = "")
    {
        var chunks = new List<byte>();
        foreach (var chunk in body.Chunk(size))
            chunks.AddRange([.. Bytes(chunk.Length.ToString("x", CultureInfo.InvariantCulture) + "\r\n"), .. chunk, 13, 10]);
        return [.. chunks, .. Bytes("0\r\n" + trailers + "\r\n")];
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        _listener.Stop();
        await _accepting.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        _stop.Dispose();
    }

    private async Task AcceptAsync()
    {
        while (true)
            _ = ServeAsync(await _listener.AcceptTcpClientAsync(_stop.Token));
    }

    private async Task ServeAsync(TcpClient client)
    {
        using var _ = client;
        var stream = client.GetStream();
        if (await RawClient.ReadHeadAsync(stream, _stop.Token) is not { Length: > 0 } head)
            return;
        var request = new RawRequest(head, head.Split(' ')[0], head.Split(' ')[1]);
        var length = request.Values("Content-Length") is [var number] ? int.Parse(number, CultureInfo.InvariantCulture) : 0;
        var body = new byte[length];
        if (length > 0)
            await stream.ReadExactlyAsync(body, _stop.Token);
        _asked.Enqueue(request with { Body = body });
        await stream.WriteAsync(_answers.GetValueOrDefault(request.Path, Bytes("HTTP/1.1 500 No Answer\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")), _stop.Token);
        client.Client.Shutdown(SocketShutdown.Send);
        while (await stream.ReadAsync(new byte[4096], _stop.Token) > 0)
        {
        }
    }
}

/// <summary>A request as it came.</summary>
public sealed record RawRequest(string Head, string Method, string Target)
{
    public byte[] Body { get; init; } = [];

    public string Path => Target.Split('?')[0];

    /// <summary>The values of a header, one for each line of it.</summary>
    public IReadOnlyList<string> Values(string name) => RawClient.Values(Head, name);
}
