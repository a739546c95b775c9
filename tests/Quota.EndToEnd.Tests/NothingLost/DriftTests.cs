using Quota.EndToEnd.Tests.Races;
using Quota.TestKit;

namespace Quota.EndToEnd.Tests.NothingLost;

/// <summary>Faults between every two parts while calls run; when it is calm again, the witness and the ledger say the same.</summary>
[Collection(nameof(Races))]
public sealed class DriftTests(ITestOutputHelper output)
{
    /// <summary>Of messages. The store's connection carries all calls of a gateway, so a tenth there befalls every second call.</summary>
    private static readonly Dictionary<string, double> Odds = new()
    {
        ["client-gateway"] = 0.12, ["gateway-provider"] = 0.12, ["gateway-store"] = 0.10, ["gateway-core"] = 0.20, ["core-database"] = 0.10,
    };

    [Fact]
    public async Task Faults_between_all_parts_make_no_drift()
    {
        var seed = Seeds.Next(output);
        await using var product = await WiredProduct.StartAsync(new WiredPlan(seed) { IsWired = true });
        using var load = new WitnessLoad(product, seed);
        foreach (var (name, wire) in product.Wires)
            wire.Odds = Odds[name];
        var running = load.RunAsync(clients: 24);
        var until = TimeProvider.System.GetUtcNow() + LongForm.Pick(TimeSpan.FromSeconds(15), TimeSpan.FromMinutes(3));
        await Eventually.TrueAsync("the faults had their time", () => TimeProvider.System.GetUtcNow() > until, TimeSpan.FromMinutes(5));
        product.Calm();
        load.End();
        await running;
        var books = await Books.CloseAsync(product, load.Calls, TimeSpan.FromSeconds(40));
        foreach (var wire in product.Wires)
            books.Note($"faults {wire.Name}", $"{wire.Wire.Done.Values.Sum()} of {wire.Wire.Messages} ({string.Join(", ", wire.Wire.Done.OrderBy(it => it.Key).Select(it => $"{it.Key} {it.Value}"))})");
        output.WriteLine(books.ToString());
        books.ShouldBalance();
        load.Whole.ShouldBeGreaterThan(100, "the proof would be empty");
    }
}
