using System.Globalization;
using System.Net.Sockets;
using System.Text;

namespace Quota.Gateway.Tests.Forwarding.Cuts;

/// <summary>A client on a bare socket, which can go at any byte.</summary>
internal static class CutClient
{
    /// <summary>Calls as the case says, and returns when the answer has ended or the client has gone.</summary>
    public static async Task CallAsync(Uri gateway, CutCase it, CancellationToken cancellation)
    {
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        await socket.ConnectAsync(gateway.Host, gateway.Port, cancellation);
        var body = Encoding.UTF8.GetBytes(it.Grammar.Body);
        byte[] head = Encoding.ASCII.GetBytes($"POST {it.Grammar.Path} HTTP/1.1\r\nHost: {gateway.Authority}\r\nConnection: close\r\nContent-Type: application/json\r\n"
            + $"Authorization: Bearer {LimitScene.Ada}\r\nanthropic-version: 2023-06-01\r\n{CutCase.Header}: {it.Number}\r\nContent-Length: {body.Length}\r\n\r\n");
        await socket.SendAsync(head, cancellation);
        await socket.SendAsync(body.AsMemory(0, it.Kind == CutKind.ClientInRequest ? it.Place : body.Length), cancellation);
        if (it.Kind != CutKind.ClientInRequest)
            await Task.WhenAny(ReadAsync(socket, it, cancellation), it.Reached.Task);
        if (it.ClientGoes && it.IsAbrupt)
            socket.LingerState = new LingerOption(true, 0);
        socket.Dispose();
        it.ClientGone.TrySetResult();
    }

    /// <summary>Whether what the client got is an answer of 200 that looks whole to it.</summary>
    public static bool LooksWhole(ReadOnlySpan<byte> answer)
    {
        var head = answer.IndexOf("\r\n\r\n"u8) + 4;
        if (head < 4 || !answer.StartsWith("HTTP/1.1 200"u8))
            return false;
        var headers = Encoding.ASCII.GetString(answer[..head]);
        var length = headers.IndexOf("Content-Length: ", StringComparison.OrdinalIgnoreCase);
        return length < 0 ? answer.EndsWith("\r\n0\r\n\r\n"u8) : answer.Length - head == int.Parse(headers[(length + 16)..headers.IndexOf('\r', length)], CultureInfo.InvariantCulture);
    }

    private static async Task ReadAsync(Socket socket, CutCase it, CancellationToken cancellation)
    {
        var buffer = new byte[16 * 1024];
        try
        {
            while (await socket.ReceiveAsync(buffer, cancellation) is var count and > 0)
                it.Got.Write(buffer.AsSpan(0, count));
        }
        catch (Exception problem) when (problem is SocketException or ObjectDisposedException)
        {
            // The gateway broke off because the upstream did, or the client went.
        }
    }
}
