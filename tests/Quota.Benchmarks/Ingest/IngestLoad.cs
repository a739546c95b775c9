using System.Diagnostics;
using System.Net.Http.Headers;
using HdrHistogram;
using Quota.TestKit;

namespace Quota.Benchmarks.Ingest;

/// <summary>What a stretch of sending took.</summary>
internal sealed record IngestResult(long Events, TimeSpan Time, double P50Ms, double P99Ms, TimeSpan Core, TimeSpan Sender)
{
    public double PerSecond => Events / Time.TotalSeconds;
}

/// <summary>Sends batches, several at once, each in turn until it is answered.</summary>
internal sealed class IngestLoad(CoreProcess core, bool isGateway, int size, int inFlight, DateTimeOffset from) : IDisposable
{
    private readonly UsageBatches _batches = new(size, from);
    private readonly HttpClient _http = new() { BaseAddress = new Uri(core.Url), Timeout = TimeSpan.FromSeconds(60) };
    private long _next;

    /// <summary>Events since the beginning.</summary>
    public long Sent => _next;

    public void Dispose() => _http.Dispose();

    /// <summary>Sends until so many events were sent since the beginning.</summary>
    public async Task<IngestResult> UntilAsync(long events)
    {
        var times = new LongConcurrentHistogram(1, TimeSpan.TicksPerMinute * 10, 3);
        var (first, started, coreBefore, senderBefore) = (_next, Stopwatch.GetTimestamp(), Cpu(core.Process.Pid), Cpu(Environment.ProcessId));
        await Task.WhenAll(Enumerable.Range(0, inFlight).Select(_ => Task.Run(async () =>
        {
            var buffer = new byte[1 << 20];
            while (true)
            {
                var number = Interlocked.Add(ref _next, size) - size;
                if (number >= events)
                {
                    Interlocked.Add(ref _next, -size);
                    return;
                }
                var body = isGateway ? _batches.OfGateway(number, ref buffer) : _batches.OfApi(number, ref buffer);
                var sent = Stopwatch.GetTimestamp();
                await SendAsync(body);
                times.RecordValue(Math.Max(1, Stopwatch.GetElapsedTime(sent).Ticks));
            }
        })));
        return new IngestResult(
            _next - first, Stopwatch.GetElapsedTime(started), Milliseconds(times, 50), Milliseconds(times, 99), Cpu(core.Process.Pid) - coreBefore, Cpu(Environment.ProcessId) - senderBefore);
    }

    private static double Milliseconds(LongConcurrentHistogram times, double percentile) => times.GetValueAtPercentile(percentile) / (double)TimeSpan.TicksPerMillisecond;

    private static TimeSpan Cpu(int pid)
    {
        using var process = Process.GetProcessById(pid);
        return process.TotalProcessorTime;
    }

    private async Task SendAsync(ReadOnlyMemory<byte> body)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, isGateway ? "/internal/v1/usage" : "/api/v1/events/batch") { Content = new ReadOnlyMemoryContent(body) };
        request.Content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", isGateway ? CoreProcess.GatewayToken : CoreProcess.AdminKey);
        using var response = await _http.SendAsync(request);
        if (!response.IsSuccessStatusCode)
            throw new InvalidOperationException($"{(int)response.StatusCode}: {await response.Content.ReadAsStringAsync()}");
        // Read to its end, not understood: what it says is checked by the sums.
        await response.Content.CopyToAsync(Stream.Null);
    }
}
