using System.Diagnostics;
using System.Globalization;
using Quota.Gateway;
using Quota.Gateway.Metering;
using Quota.Gateway.Providers.OpenAi;

namespace Quota.Benchmarks;

/// <summary>What reading a stream takes by itself, without sockets: the reader alone, and with the call's meter and stream around it as YARP reads them.</summary>
internal static class ReaderBenchmark
{
    private const int PieceBytes = 4096;   // what the framework's HTTP client hands on of a chunked answer at once

    public static async Task RunAsync()
    {
        Console.WriteLine($"Reading alone, in pieces of {PieceBytes} bytes; the best of 20 rounds\n");
        Console.WriteLine("| | bytes | µs | bytes allocated |");
        Console.WriteLine("|---|---|---|---|");
        foreach (var name in new[] { StreamProvider.Recorded, StreamProvider.Synthesised })
        {
            var answer = StreamProvider.AnswerOf(name);
            var copy = new byte[PieceBytes];
            await PrintAsync("copied once", answer, () =>
            {
                Pieces(answer, piece => piece.CopyTo(copy));
                return ValueTask.CompletedTask;
            });
            await PrintAsync("its reader", answer, () =>
            {
                var reader = new ChatStreamUsage(hidesUsage: false);
                using var text = reader.KeepTextOf("gpt-4.1-nano");
                Pieces(answer, piece => reader.Feed(piece.Span, null));
                reader.End(null);
                return reader.Usage is null ? throw new InvalidOperationException("usage was not read") : ValueTask.CompletedTask;
            });
            foreach (var hides in new[] { false, true })
                await PrintAsync(hides ? "its call, usage hidden" : "its call", answer, () => CallAsync(answer, hides));
        }
        Console.WriteLine();
    }

    private static async ValueTask CallAsync(byte[] answer, bool hides)
    {
        var meter = Proxies.MeterOf(hides, Clock);
        await using var stream = new UsageObservingStream(new Upstream(answer), meter, null, hides);
        while (true)
        {
            _ = await stream.ReadAsync(Memory<byte>.Empty);   // as YARP waits for data
            if (await stream.ReadAsync(Buffer) == 0)
                return;
        }
    }

    private static readonly GatewayClock Clock = new(TimeProvider.System);

    private static readonly byte[] Buffer = new byte[64 * 1024];

    private static void Pieces(byte[] answer, Action<ReadOnlyMemory<byte>> take)
    {
        for (var at = 0; at < answer.Length; at += PieceBytes)
            take(answer.AsMemory(at, Math.Min(PieceBytes, answer.Length - at)));
    }

    private static async Task PrintAsync(string name, byte[] answer, Func<ValueTask> read)
    {
        var (best, times) = (double.MaxValue, 20_000_000 / answer.Length);
        var allocated = 0L;
        for (var warm = Stopwatch.GetTimestamp(); Stopwatch.GetElapsedTime(warm) < TimeSpan.FromSeconds(1);)   // else the just-in-time compiler is measured
            await read();
        for (var round = 0; round < 20; round++)
        {
            var (before, start) = (GC.GetTotalAllocatedBytes(precise: true), Stopwatch.GetTimestamp());
            for (var i = 0; i < times; i++)
                await read();
            best = Math.Min(best, Stopwatch.GetElapsedTime(start).TotalMicroseconds / times);
            allocated = (GC.GetTotalAllocatedBytes(precise: true) - before) / times;
        }
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"| {name} | {answer.Length:N0} | {best:0.0} | {allocated:N0} |"));
    }

    private sealed class Upstream(byte[] answer) : MemoryStream(answer, writable: false)
    {
        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) =>
            new(base.Read(buffer.Span[..Math.Min(buffer.Length, PieceBytes)]));
    }
}
