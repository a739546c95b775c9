using System.Diagnostics;
using Quota.EndToEnd.Tests.Races;
using Quota.TestKit;

namespace Quota.EndToEnd.Tests.NothingLost;

/// <summary>The core is away for long: gateways serve on, in the same memory, and hand over what they kept when it is back.</summary>
[Collection(nameof(Races))]
public sealed class CoreAwayTests(ITestOutputHelper output)
{
    private const int Clients = 32;

    [Fact]
    public async Task A_gateway_serves_on_in_flat_memory_and_drains_its_backlog()
    {
        var calls = LongForm.Pick(8_000, 150_000);
        await using var product = await WiredProduct.StartAsync(new WiredPlan(Seed: 1) { Settings = new Dictionary<string, string?> { ["Spool__MaxBytes"] = $"{4L << 30}" } });
        var gateway = product.Gateways[0];
        using var load = new WitnessLoad(product, seed: 1);
        var before = product.Provider.Served.Totals.Requests;
        await Eventually.TrueAsync("the first calls are stored", async () => await StoredAsync(product) == before);
        product.Core.Process.Kill();

        List<double> memory = [];
        var (begun, started) = (0, Stopwatch.GetTimestamp());
        await Task.WhenAll(Enumerable.Range(0, Clients).Select(client => Task.Run(async () =>
        {
            while (Interlocked.Increment(ref begun) is var number && number <= calls)
            {
                (await load.CallAsync(gateway, WitnessOrg.Users[client % 2], "a reply:1", isStream: number % 4 == 0)).IsWhole.ShouldBeTrue();
                if (number % (calls / 40) == 0)
                {
                    lock (memory)
                        memory.Add(gateway.ResidentMegabytes());
                }
            }
        })));
        var served = Stopwatch.GetElapsedTime(started);
        (await StoredAsync(product)).ShouldBe(before);

        await product.Core.StartAgainAsync();
        var back = Stopwatch.GetTimestamp();
        await Eventually.TrueAsync("the backlog is stored", async () => await StoredAsync(product) == before + calls, TimeSpan.FromMinutes(3), () => gateway.Process.Process.Output);
        var drained = Stopwatch.GetElapsedTime(back);
        var rate = await LedgerEvent.AskAsync<decimal>(product.Core.Database, """
            with backlog as (select received_at from usage_events order by received_at desc limit
            """ + $" {calls}" + """
            ), first as (select min(received_at) as at from backlog)
            select round(count(*) / greatest(0.001, extract(epoch from max(received_at) - min(first.at)))) from backlog, first where received_at > first.at
            """);
        var (early, late) = (memory[..(memory.Count / 2)].Max(), memory[(memory.Count / 2)..].Max());
        output.WriteLine($"""
              served while the core was away  {calls} calls at {calls / served.TotalSeconds:0}/s
              memory of the gateway           at most {early:0} MB in the first half, {late:0} MB in the second
              backlog drained                 {drained.TotalSeconds:0.00} s after the core was ready, {rate}/s between its first batch and its last
            """);
        product.Provider.Served.Totals.Requests.ShouldBe(before + calls);
        (await LedgerEvent.AskAsync<long>(product.Core.Database, "select count(*) from event_conflicts")).ShouldBe(0);
        (await product.Org.UsageAsync())["output_tokens"].ShouldBe(product.Provider.Served.Totals.OutputTokens);
        late.ShouldBeLessThan(early * 1.15 + 20);
        if (LongForm.IsOn)
            rate.ShouldBeGreaterThanOrEqualTo(10_000);
    }

    private static Task<long> StoredAsync(WiredProduct product) => LedgerEvent.AskAsync<long>(product.Core.Database, "select count(*) from usage_events");
}
