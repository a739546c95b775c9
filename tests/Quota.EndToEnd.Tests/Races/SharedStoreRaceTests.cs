using Quota.TestKit;

namespace Quota.EndToEnd.Tests.Races;

/// <summary>A store that lost its data: none of several gateways may put back what it alone knows and serve on.</summary>
[Collection(nameof(Races))]
public sealed class SharedStoreRaceTests
{
    private static readonly string Body = RaceField.Body("a reply:10", 11);

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_store_that_is_emptied_under_two_gateways_is_not_rebuilt_from_the_knowledge_of_one(bool firstIsIdle)
    {
        await using var field = await RaceField.StartAsync(RaceOrg.For(40, RaceLoad.MeanNanos, RaceLoad.MeanTokens), gateways: 1, TimeSpan.FromSeconds(2));
        var first = field.Gateways[0];
        await ServeAsync(field, first);
        var second = await field.AddAsync();
        await ServeAsync(field, second);
        if (!firstIsIdle)
            await ServeAsync(field, first);
        var served = field.Provider.Served.Entries().Sum(entry => entry.InputTokens + entry.OutputTokens);
        (await UsedAsync(first)).ShouldBe(served);

        await field.Redis.FlushAllAsync();
        var looks = field.Elapsed + TimeSpan.FromSeconds(1.5);
        await Eventually.TrueAsync("both were asked again and again", async () =>
        {
            foreach (var gateway in field.Gateways)
            {
                // Either it does not serve, or it knows what both have counted.
                if ((await field.CallAsync(gateway, RaceOrg.Keys[0], Body)).Outcome != RaceOutcome.Unavailable)
                    (await UsedAsync(gateway)).ShouldBeGreaterThanOrEqualTo(served, $"gateway {gateway.Number} serves, and has forgotten what was used before");
            }
            return field.Elapsed > looks;
        });
    }

    private static async Task ServeAsync(RaceField field, RaceGateway gateway)
    {
        foreach (var key in RaceOrg.Keys)
            (await field.CallAsync(gateway, key, Body)).Outcome.ShouldBeOneOf(RaceOutcome.Served, RaceOutcome.Refused);
        await Eventually.TrueAsync("everything is settled", async () => await gateway.OpenCallsAsync() == 0);
    }

    private static async Task<decimal> UsedAsync(RaceGateway gateway) => (await gateway.LimitsAsync()).Single(limit => limit.Code == "acme-total_tokens").Used;
}
