using Quota.EndToEnd.Tests.Races;
using Quota.TestKit;

namespace Quota.EndToEnd.Tests.NothingLost;

/// <summary>One of two gateways is gone for good and declared lost: the other counts on, and what the first had used is neither forgotten nor counted twice.</summary>
[Collection(nameof(Races))]
public sealed class LostGatewayTests
{
    private static readonly WiredPlan Plan = new(Seed: 1) { Gateways = 2, CoreSettings = new Dictionary<string, string?> { ["Gateways__LostAfter"] = "1s" } };

    [Fact]
    public async Task The_store_is_emptied_and_the_one_that_is_left_opens_by_itself_with_what_both_used()
    {
        await using var product = await WiredProduct.StartAsync(Plan);
        using var load = new WitnessLoad(product, seed: 1);
        var (left, gone) = (product.Gateways[0], product.Gateways[1]);
        await CallAsync(load, left, 5);
        await CallAsync(load, gone, 7);
        await AgreedAsync(product);
        await GoAsync(product, load, gone);
        await CallAsync(load, left, 2);   // the counters in force have all of it
        await DeclareAsync(product, gone);
        await CallAsync(load, left, 2);

        await product.Redis.FlushAllAsync();
        await AgreedAsync(product);
        await CallAsync(load, left, 3);
        await AgreedAsync(product);

        // Its disk was not lost after all: what it has left is shipped, a call that ran then among it, and nothing of it counts a second time.
        await gone.StartAgainAsync(waitUntilReady: false);
        await Eventually.TrueAsync("each call has its event", async () => await MissingAsync(product) == 0, TimeSpan.FromSeconds(30), () => gone.Process.Process.Output);
        await AgreedAsync(product);
        ClientCall refused = null!;
        await Eventually.TrueAsync("it refuses", async () => (refused = await load.CallAsync(gone, "research/ada", "a word reply:1", isStream: false)).Status == 503, TimeSpan.FromSeconds(20));
        await product.Redis.FlushAllAsync();
        await CallAsync(load, left, 2);
        await AgreedAsync(product);
        (await LedgerEvent.AskAsync<long>(product.Core.Database, "select count(*) from event_conflicts")).ShouldBe(0);
    }

    [Fact]
    public async Task A_gathering_that_waits_for_it_goes_on_without_it()
    {
        await using var product = await WiredProduct.StartAsync(Plan);
        using var load = new WitnessLoad(product, seed: 2);
        var (left, gone) = (product.Gateways[0], product.Gateways[1]);
        await CallAsync(load, left, 4);
        await CallAsync(load, gone, 4);
        await AgreedAsync(product);
        gone.Process.Process.Kill();
        await product.Redis.FlushAllAsync();
        (await load.CallAsync(left, "research/ada", "a word reply:1", isStream: false)).Status.ShouldBe(503, "it waits for the other");
        await DeclareAsync(product, gone);
        await AgreedAsync(product);
        await CallAsync(load, left, 3);
        await AgreedAsync(product);
    }

    [Fact]
    public async Task A_store_that_was_restarted_waits_for_it_no_longer()
    {
        await using var product = await WiredProduct.StartAsync(Plan);
        using var load = new WitnessLoad(product, seed: 4);
        var (left, gone) = (product.Gateways[0], product.Gateways[1]);
        await CallAsync(load, left, 4);
        await CallAsync(load, gone, 4);
        await AgreedAsync(product);
        await GoAsync(product, load, gone);
        product.Redis.Process.Kill();
        await product.Redis.StartAgainAsync();
        await Eventually.TrueAsync("it waits for what only the other can say", async () =>
            (await load.CallAsync(left, "research/ada", "a word reply:1", isStream: false)).Status == 503 && left.Process.Process.Output.Contains("yet to confirm", StringComparison.Ordinal), TimeSpan.FromSeconds(20));
        await DeclareAsync(product, gone);
        await CallAsync(load, left, 3);
        await Eventually.TrueAsync("the call that ran has its event", async () => await MissingAsync(product) == 0, TimeSpan.FromSeconds(30), () => left.Process.Process.Output);
        await AgreedAsync(product);
    }

    [Fact]
    public async Task What_it_had_not_shipped_comes_from_its_holds_and_its_disk_puts_it_right()
    {
        await using var product = await WiredProduct.StartAsync(Plan);
        using var load = new WitnessLoad(product, seed: 3);
        var (left, gone) = (product.Gateways[0], product.Gateways[1]);
        await CallAsync(load, gone, 3);
        await AgreedAsync(product);
        product.Core.Process.Kill();
        await CallAsync(load, gone, 6);
        await GoAsync(product, load, gone, TimeSpan.FromSeconds(2.5));   // how far it is is written down once a second
        await product.Core.StartAgainAsync();
        (await MissingAsync(product)).ShouldBe(7);
        await DeclareAsync(product, gone);
        await Eventually.TrueAsync("each call has its event", async () => await MissingAsync(product) == 0, TimeSpan.FromSeconds(30), () => left.Process.Process.Output);
        await AgreedAsync(product);
        var made = (await LedgerEvent.ReadAllAsync(product.Core.Database)).Where(it => it.IsFlagged).ToList();
        made.ShouldHaveSingleItem("the others had been settled").Status.ShouldBe("abandoned");
        await CallAsync(load, left, 2);
        await AgreedAsync(product);

        await gone.StartAgainAsync(waitUntilReady: false);   // its disk is back
        await Eventually.TrueAsync("its own event of the call that ran says more", async () => (await LedgerEvent.ReadAllAsync(product.Core.Database)).Any(it => it.Corrects == made[0].Id),
            TimeSpan.FromSeconds(30), () => gone.Process.Process.Output);
        await AgreedAsync(product);
        (await LedgerEvent.AskAsync<long>(product.Core.Database, "select count(*) from event_conflicts")).ShouldBe(0);
        (await LedgerEvent.ReadAllAsync(product.Core.Database)).Count(it => it.Corrects is not null).ShouldBe(1);
    }

    /// <summary>So many calls that are served; refused meanwhile they are asked for again.</summary>
    private static async Task CallAsync(WitnessLoad load, WiredGateway gateway, int calls)
    {
        for (var i = 0; i < calls; i++)
        {
            var user = WitnessOrg.Users[i % WitnessOrg.Users.Count];
            await Eventually.TrueAsync("a call is served", async () => (await load.CallAsync(gateway, user, $"a b c reply:{i + 3}", isStream: i % 2 == 0)).IsWhole,
                TimeSpan.FromSeconds(30), () => gateway.Process.Process.Output);
        }
    }

    /// <summary>With a call in the middle of its stream.</summary>
    private static async Task GoAsync(WiredProduct product, WitnessLoad load, WiredGateway gone, TimeSpan runs = default)
    {
        var running = load.CallAsync(gone, "research/bob", "a b c reply:50 chunk:1 pace:200", isStream: true);
        await Eventually.TrueAsync("it runs", () => product.Provider.Served.Running > 0);
        await Task.Delay(runs);
        gone.Process.Process.Kill();
        await running;
    }

    private static async Task DeclareAsync(WiredProduct product, WiredGateway gone)
    {
        var instance = await File.ReadAllTextAsync(Path.Combine(gone.Process.SpoolFolder, "instance"));
        await Eventually.TrueAsync("it is declared lost", async () =>
        {
            try
            {
                await product.Org.SendAsync(HttpMethod.Post, $"/api/v1/gateways/{instance}/lost");
                return true;
            }
            catch (HttpRequestException problem) when (problem.Message.Contains("422", StringComparison.Ordinal))
            {
                return false;
            }
        });
    }

    /// <summary>Waits until the gateway that is left says of every limit what its events make.</summary>
    private static async Task AgreedAsync(WiredProduct product)
    {
        var wrong = "";
        await Eventually.TrueAsync("the counters are what the events make", async () =>
        {
            var ledger = await LedgerEvent.ReadAllAsync(product.Core.Database);
            var limits = await product.Gateways[0].LimitsAsync();
            wrong = string.Join("; ", limits.Select(limit => Books.Wrong(limit, ledger)).OfType<string>());
            return limits.Count > 0 && wrong.Length == 0 && ledger.Count > 0;
        }, TimeSpan.FromSeconds(30), () => $"{wrong}\n{product.Gateways[0].Process.Process.Output}");
    }

    private static async Task<int> MissingAsync(WiredProduct product)
    {
        var ids = (await LedgerEvent.ReadAllAsync(product.Core.Database)).Select(it => it.Id).ToHashSet();
        return product.Provider.Served.Entries().Count(entry => !ids.Contains(entry.RequestId));
    }
}
