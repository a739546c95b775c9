using System.Diagnostics;
using System.Net.Sockets;
using System.Text;
using HdrHistogram;

namespace Quota.Benchmarks;

/// <summary>What a closed loop of connections saw.</summary>
/// <param name="CpuMicros">CPU time of the processes under test per request, over all their threads.</param>
/// <param name="AllocatedBytes">Managed memory that they allocated per request, where they tell.</param>
internal sealed record LoadResult(double PerSecond, double P50, double P99, long Errors, double CpuMicros, double? AllocatedBytes);

/// <summary>
/// A closed loop over plain sockets with a request made beforehand: light, so that what is measured is the server. It reads answers
/// with a Content-Length or chunked, and counts those that are not 200.
/// </summary>
internal static class Load
{
    public static async Task<LoadResult> RunAsync(Target target, string body, int connections, TimeSpan warmUp, TimeSpan length)
    {
        var request = Request(target.Port, target.Key, body);
        var (cpuBefore, allocatedBefore, all) = (target.Cpu(), await target.AllocatedAsync(), 0L);
        var histogram = new LongConcurrentHistogram(1, TimeSpan.TicksPerMinute, 3);
        var (errors, start, end) = (0L, Stopwatch.GetTimestamp() + warmUp.Ticks * (Stopwatch.Frequency / TimeSpan.TicksPerSecond), 0L);
        end = start + length.Ticks * (Stopwatch.Frequency / TimeSpan.TicksPerSecond);
        await Task.WhenAll(Enumerable.Range(0, connections).Select(_ => Task.Run(async () =>
        {
            using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
            await socket.ConnectAsync("127.0.0.1", target.Port);
            var buffer = new byte[64 * 1024];
            while (Stopwatch.GetTimestamp() is var sent && sent < end)
            {
                await socket.SendAsync(request);
                var ok = await ReadAnswerAsync(socket, buffer);
                Interlocked.Increment(ref all);
                if (sent < start)
                    continue;
                histogram.RecordValue(Math.Max(1, Stopwatch.GetElapsedTime(sent).Ticks));
                if (!ok)
                    Interlocked.Increment(ref errors);
            }
        })));
        double Micros(double percentile) => histogram.GetValueAtPercentile(percentile) / (double)TimeSpan.TicksPerMicrosecond;
        return new LoadResult(histogram.TotalCount / length.TotalSeconds, Micros(50), Micros(99), errors,
            (target.Cpu() - cpuBefore).TotalMicroseconds / all, (await target.AllocatedAsync() - allocatedBefore) / all);
    }

    private static byte[] Request(int port, string key, string body) => Encoding.UTF8.GetBytes(
        $"POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAuthorization: Bearer {key}\r\nContent-Type: application/json\r\nContent-Length: {Encoding.UTF8.GetByteCount(body)}\r\n\r\n{body}");

    private static async ValueTask<bool> ReadAnswerAsync(Socket socket, byte[] buffer)
    {
        var (filled, body, length) = (0, -1, -1);
        while (true)
        {
            var count = await socket.ReceiveAsync(buffer.AsMemory(filled));
            if (count == 0)
                throw new IOException("the server closed the connection");
            filled += count;
            if (body < 0)
            {
                var head = buffer.AsSpan(0, filled).IndexOf("\r\n\r\n"u8);
                if (head < 0)
                    continue;
                body = head + 4;
                length = ContentLength(buffer.AsSpan(0, body));
            }
            if (length >= 0 ? filled >= body + length : buffer.AsSpan(body, filled - body).EndsWith("0\r\n\r\n"u8))
                return buffer.AsSpan(9, 3).SequenceEqual("200"u8);
            if (filled == buffer.Length)
                throw new IOException("the answer does not fit the buffer");
        }
    }

    private static int ContentLength(ReadOnlySpan<byte> head)
    {
        var name = "Content-Length: "u8;
        var at = head.IndexOf(name);
        if (at < 0)
            return -1;
        var value = head[(at + name.Length)..];
        return System.Buffers.Text.Utf8Parser.TryParse(value, out int length, out _) ? length : -1;
    }
}
