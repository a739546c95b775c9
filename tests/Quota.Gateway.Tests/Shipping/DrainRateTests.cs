using System.Diagnostics;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Quota.Gateway.Shipping;
using Quota.Shared.Usage;
using Quota.TestKit;

namespace Quota.Gateway.Tests.Shipping;

/// <summary>A backlog goes to a core that answers at once, over HTTP.</summary>
public sealed class DrainRateTests(ITestOutputHelper output)
{
    [Fact]
    public async Task A_backlog_drains_fast()
    {
        var count = LongForm.Pick(40_000, 200_000);
        await using var scene = await ShipScene.StartAsync();
        scene.Options = scene.Options with { BatchSize = 1_000, InFlight = 4, BatchTime = TimeSpan.FromMilliseconds(50), IdleWait = TimeSpan.FromMilliseconds(20) };
        await scene.CallsAsync(count);
        await using var core = LoopbackHost.Build(0);
        core.Run(AnswerAsync);
        await core.StartAsync();
        using var http = new HttpClient { BaseAddress = new Uri(LoopbackHost.UrlOf(core)) };
        var sink = new CoreSink(http, new GatewayIdentity("gw"), new Watermark(scene.Spool, new WatermarkClock(() => null, 0)), new GatewayClock(TimeProvider.System));
        var (bytes, cpu, started) = (GC.GetTotalAllocatedBytes(), Process.GetCurrentProcess().TotalProcessorTime, Stopwatch.GetTimestamp());
        await scene.ShipAsync(sink);
        await Eventually.TrueAsync("everything is shipped", () => scene.CursorOnDisk() == scene.Spool.End, TimeSpan.FromSeconds(60));
        var took = Stopwatch.GetElapsedTime(started);
        var rate = count / took.TotalSeconds;
        output.WriteLine($"{count} events in {took.TotalSeconds:0.00} s: {rate:0} events/s, {(Process.GetCurrentProcess().TotalProcessorTime - cpu).TotalMicroseconds / count:0.0} us CPU and {(GC.GetTotalAllocatedBytes() - bytes) / count} bytes allocated an event, both sides");
        rate.ShouldBeGreaterThan(10_000);
    }

    /// <summary>Reads a batch as cheaply as can be: its ids are what follows <c>{"id":"</c>.</summary>
    private static async Task AnswerAsync(HttpContext context)
    {
        using var gzip = new System.IO.Compression.GZipStream(context.Request.Body, System.IO.Compression.CompressionMode.Decompress);
        using var body = new MemoryStream();
        await gzip.CopyToAsync(body);
        await FakeCore.AnswerAsync(context, ResultsOf(body.GetBuffer().AsSpan(0, (int)body.Length)));
    }

    private static List<ShipResult> ResultsOf(ReadOnlySpan<byte> body)
    {
        var events = body[..body.LastIndexOf("],\"settled\""u8)];
        List<ShipResult> results = [];
        while (events.IndexOf("{\"id\":\""u8) is var at and >= 0)
        {
            results.Add(new ShipResult(ShipBatch.IdOf(events[at..]), ShipStatus.Accepted, null));
            events = events[(at + 40)..];
        }
        return results;
    }
}
