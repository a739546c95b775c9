using System.Diagnostics;
using System.Net.Sockets;
using System.Text;
using HdrHistogram;

namespace Quota.Benchmarks;

/// <summary>What readers of streams saw; times in microseconds.</summary>
/// <param name="FirstP99">From the request to the first byte of the answer's body.</param>
/// <param name="LongestGap">The longest silence between two reads of one stream.</param>
internal sealed record StreamResult(double PerSecond, double P50, double FirstP50, double FirstP99, double GapP99, double LongestGap, long Streams, double CpuMicros);

/// <summary>Clients that read streams to their end, one after another on each connection.</summary>
internal static class StreamLoad
{
    /// <param name="each">How many streams each connection reads; null: as many as it can in the time.</param>
    public static async Task<StreamResult> RunAsync(Target target, string body, int connections, TimeSpan warmUp, TimeSpan length, int? each = null)
    {
        var request = Encoding.UTF8.GetBytes($"POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1:{target.Port}\r\nAuthorization: Bearer {target.Key}\r\nContent-Type: application/json\r\nContent-Length: {Encoding.UTF8.GetByteCount(body)}\r\n\r\n{body}");
        LongConcurrentHistogram whole = New(), first = New(), gaps = New();
        var (start, all) = (Stopwatch.GetTimestamp() + Ticks(warmUp), 0L);
        var (end, cpu) = (start + Ticks(length), target.Cpu());
        await Task.WhenAll(Enumerable.Range(0, connections).Select(_ => Task.Run(async () =>
        {
            using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
            await socket.ConnectAsync("127.0.0.1", target.Port);
            var buffer = new byte[64 * 1024];
            for (var i = 0; each is null ? Stopwatch.GetTimestamp() < end : i < each; i++)
            {
                var sent = Stopwatch.GetTimestamp();
                await socket.SendAsync(request);
                await ReadAsync(socket, buffer, sent, sent >= start ? (first, gaps) : null);
                Interlocked.Increment(ref all);
                if (sent >= start)
                    whole.RecordValue(Math.Max(1, Stopwatch.GetElapsedTime(sent).Ticks));
            }
        })));
        static double Micros(LongConcurrentHistogram it, double percentile) => it.GetValueAtPercentile(percentile) / (double)TimeSpan.TicksPerMicrosecond;
        return new StreamResult(whole.TotalCount / length.TotalSeconds, Micros(whole, 50), Micros(first, 50), Micros(first, 99), Micros(gaps, 99), Micros(gaps, 100), whole.TotalCount, (target.Cpu() - cpu).TotalMicroseconds / all);
    }

    private static LongConcurrentHistogram New() => new(1, TimeSpan.TicksPerMinute, 3);

    private static long Ticks(TimeSpan time) => (long)(time.TotalSeconds * Stopwatch.Frequency);

    /// <summary>Reads to the last chunk. Its five bytes end no other read: no event ends in a lone digit and two line ends.</summary>
    private static async ValueTask ReadAsync(Socket socket, byte[] buffer, long sent, (LongConcurrentHistogram First, LongConcurrentHistogram Gaps)? seen)
    {
        var (kept, inBody, last) = (0, false, 0L);
        while (true)
        {
            var count = await socket.ReceiveAsync(buffer.AsMemory(kept));
            if (count == 0)
                throw new IOException("the server closed the connection");
            var filled = kept + count;
            var now = Stopwatch.GetTimestamp();
            if (!inBody && buffer.AsSpan(0, filled).IndexOf("\r\n\r\n"u8) is var head and >= 0)
            {
                if (!buffer.AsSpan(9, 3).SequenceEqual("200"u8))
                    throw new IOException(Encoding.UTF8.GetString(buffer, 0, filled));
                inBody = filled > head + 4;
                if (inBody)
                    seen?.First.RecordValue(Math.Max(1, Stopwatch.GetElapsedTime(sent, now).Ticks));
                kept = inBody ? kept : filled;
            }
            else if (last > 0)
                seen?.Gaps.RecordValue(Math.Max(1, Stopwatch.GetElapsedTime(last, now).Ticks));
            if (!inBody)
            {
                kept = filled;
                continue;
            }
            last = now;
            if (buffer.AsSpan(0, filled).EndsWith("0\r\n\r\n"u8))
                return;
            kept = Math.Min(4, filled);   // the end may be cut
            buffer.AsSpan(filled - kept, kept).CopyTo(buffer);
        }
    }
}
