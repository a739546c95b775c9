using CsCheck;
using Npgsql;
using Quota.TestKit;

namespace Quota.Billing.Tests.Metering;

/// <summary>Whatever is sent, by whomever, before, while and after a rollup is made: it says what the events say.</summary>
public sealed class RollupTests(SharedBillingApp shared) : IClassFixture<SharedBillingApp>
{
    private const int Senders = 3;

    private static readonly string[] Aggregations = ["sum_agg", "count_agg", "max_agg", "min_agg", "average_agg"];

    private readonly BillingApp _app = shared.App;

    [Fact]
    public Task Rollups_made_before_in_the_middle_and_after_equal_the_events() => Gen.Int.SampleAsync(RunAsync, iter: 5, threads: 1);

    private async Task RunAsync(int seed)
    {
        var random = new Random(seed);
        var scene = await RollupScene.StartAsync(_app);
        var metrics = new List<(string Aggregation, Guid Id)>();
        await MakeAsync(2);
        var batches = scene.Batches(random, 400);
        var senders = Enumerable.Range(0, Senders).Select(i => Task.Run(() => scene.SendAsync(batches.FindAll(batch => (batch.Body.Length + i) % 2 == 0 || i == 0), new Random(seed + i)))).ToList();
        while (!Task.WhenAll(senders).IsCompleted)
        {
            await MakeAsync(1);
            await scene.Builder.BuildWantedAsync(CancellationToken.None);
            if (random.Next(2) == 0)
                await scene.WantAsync(metrics[random.Next(metrics.Count)].Id, ["model"]);
        }
        await Task.WhenAll(senders);
        await MakeAsync(1);
        await scene.WantAsync(metrics[0].Id, "team", "model");
        await scene.BuildAllAsync();
        for (var i = 0; i < 60; i++)
        {
            var (aggregation, id) = metrics[i % metrics.Count];
            await scene.ShouldAgreeAsync(random, aggregation, id);
        }

        async Task MakeAsync(int count)
        {
            for (var i = 0; i < count; i++)
            {
                var aggregation = Aggregations[metrics.Count % Aggregations.Length];
                metrics.Add((aggregation, await scene.MetricAsync(aggregation)));
            }
        }
    }
}
