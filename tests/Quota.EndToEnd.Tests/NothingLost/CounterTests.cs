using Quota.EndToEnd.Tests.Races;
using Quota.TestKit;

namespace Quota.EndToEnd.Tests.NothingLost;

/// <summary>What befalls the store.</summary>
public enum StoreLoss
{
    Emptied,
    Replaced,
    RestoredFromAnOldCopy,
}

/// <summary>The counters are a cache of the witness's log: whatever becomes of the store, they are what a count by hand gives.</summary>
[Collection(nameof(Races))]
public sealed class CounterTests(ITestOutputHelper output)
{
    private const int Between = 80;

    [Theory]
    [InlineData(StoreLoss.Emptied)]
    [InlineData(StoreLoss.Replaced)]
    [InlineData(StoreLoss.RestoredFromAnOldCopy)]
    public Task A_store_that_lost_its_data_under_load_is_filled_again_though_the_gateway_is_killed_meanwhile(StoreLoss loss) => LoseAsync(gateways: 1, loss);

    [Theory]
    [InlineData(StoreLoss.Emptied)]
    [InlineData(StoreLoss.Replaced)]
    [InlineData(StoreLoss.RestoredFromAnOldCopy)]
    public Task A_store_that_lost_its_data_under_many_gateways_is_filled_again_by_all_of_them_though_one_is_killed_meanwhile(StoreLoss loss) => LoseAsync(LongForm.Pick(3, 8), loss);

    private Task LoseAsync(int gateways, StoreLoss loss) => ProveAsync(gateways, async (product, more) =>
    {
        var copy = await product.Redis.CopyDataAsync();
        await more();
        await (loss switch
        {
            StoreLoss.Emptied => product.Redis.FlushAllAsync(),
            StoreLoss.Replaced => product.Redis.StartAgainEmptyAsync(),
            _ => product.Redis.StartAgainFromAsync(copy),
        });
        await Task.Delay(30);   // in the middle of what it does about it, as often as not
        product.Gateways[^1].Process.Process.Kill();
        await product.Gateways[^1].StartAgainAsync();
    });

    [Fact]
    public Task A_store_that_is_killed_under_many_gateways_keeps_counting_though_one_of_them_is_killed_meanwhile() => ProveAsync(LongForm.Pick(3, 8), async (product, more) =>
    {
        for (var i = 0; i < LongForm.Pick(1, 4); i++)
        {
            product.Redis.Process.Kill();
            await product.Redis.StartAgainAsync();
            product.Gateways[^1].Process.Process.Kill();
            await product.Gateways[^1].StartAgainAsync();
            await more();
        }
    });

    /// <summary>Under load, with a limit added in the middle of the month, which has to know what was used before it.</summary>
    private async Task ProveAsync(int gateways, Func<WiredProduct, Func<Task>, Task> befalls)
    {
        var seed = Seeds.Next(output);
        await using var product = await WiredProduct.StartAsync(new WiredPlan(seed) { Gateways = gateways });
        using var load = new WitnessLoad(product, seed);
        async Task MoreAsync()
        {
            var goal = load.Whole + Between;
            await Eventually.TrueAsync("more calls are served", () => load.Whole >= goal, TimeSpan.FromSeconds(40), () => product.Gateways[0].Process.Process.Output);
        }
        var running = load.RunAsync(clients: 12);
        try
        {
            await MoreAsync();
            await befalls(product, MoreAsync);
            await MoreAsync();
            await product.Org.LimitAsync("bob-output", "acme/research/bob", "output_tokens", "10000000", "month");
            foreach (var gateway in product.Gateways)
                await Eventually.TrueAsync("it is known", async () => (await gateway.LimitsAsync()).Any(limit => limit.Code == "bob-output"));
            await MoreAsync();
        }
        finally
        {
            load.End();
            await running;
        }
        var books = await Books.CloseAsync(product, load.Calls, TimeSpan.FromSeconds(30));
        output.WriteLine(books.ToString());
        books.ShouldBalance();
        books.Limits.ShouldContain(limit => limit.Code == "bob-output" && limit.Used > 0);
    }
}
