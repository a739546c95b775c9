using System.Diagnostics;
using Quota.EndToEnd.Tests.Races;
using Quota.TestKit;

namespace Quota.EndToEnd.Tests.NothingLost;

/// <summary>What a client has just read to its end is in its org's current usage soon, while others call.</summary>
[Collection(nameof(Races))]
public sealed class LiveViewTests(ITestOutputHelper output)
{
    private static readonly TimeSpan Visible = TimeSpan.FromSeconds(2);

    /// <summary>The others' answers have ten tokens each, the probe's one: the last digit of the org's tokens says whether the probe is in.</summary>
    [Fact]
    public async Task A_call_is_in_current_usage_within_two_seconds()
    {
        await using var product = await WiredProduct.StartAsync(new WiredPlan(Seed: 1));
        using var load = new WitnessLoad(product, seed: 1);
        var digit = (int)(product.Provider.Served.Totals.OutputTokens % 10);
        using var stop = new CancellationTokenSource();
        var others = Enumerable.Range(0, 12).Select(client => Task.Run(async () =>
        {
            while (!stop.IsCancellationRequested)
            {
                (await load.CallAsync(product.Gateways[0], WitnessOrg.Users[client % 2], "some words reply:10", isStream: client % 3 == 0)).IsWhole.ShouldBeTrue();
                await Task.Delay(20, CancellationToken.None);
            }
        })).ToArray();

        List<TimeSpan> took = [];
        for (var probe = 0; probe < LongForm.Pick(120, 1_000); probe++)
        {
            digit = (digit + 1) % 10;
            (await load.CallAsync(product.Gateways[0], WitnessOrg.Users[0], "a probe reply:1", isStream: probe % 2 == 0)).IsWhole.ShouldBeTrue();
            var ended = Stopwatch.GetTimestamp();
            while ((int)((await product.Org.UsageAsync())["output_tokens"] % 10) != digit)
            {
                Stopwatch.GetElapsedTime(ended).ShouldBeLessThan(TimeSpan.FromSeconds(20));
                await Task.Delay(5);
            }
            took.Add(Stopwatch.GetElapsedTime(ended));
        }
        await stop.CancelAsync();
        await Task.WhenAll(others);
        took.Sort();
        var p99 = took[(int)Math.Ceiling(took.Count * 0.99) - 1];
        output.WriteLine($"{took.Count} probes among {load.Whole} calls: p50 {took[took.Count / 2].TotalMilliseconds:0} ms, p99 {p99.TotalMilliseconds:0} ms, longest {took[^1].TotalMilliseconds:0} ms");
        p99.ShouldBeLessThan(Visible);
    }
}
