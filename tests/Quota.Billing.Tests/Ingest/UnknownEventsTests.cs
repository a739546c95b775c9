using Microsoft.Extensions.DependencyInjection;
using Quota.Billing.Metering.Rollups;
using Quota.Billing.Tests.Invoicing;

namespace Quota.Billing.Tests.Ingest;

public sealed class UnknownEventsTests
{
    private const string Path = "/api/v1/events/unknown";

    [Fact]
    public async Task What_nobody_is_billed_for_is_listed_until_it_is_known()
    {
        await using var scene = await MoneyScene.StartAsync();
        await scene.SubscribeAsync();
        await scene.UseAsync("2031-03-01T00:00:00Z", 5);
        (await scene.App.GetAsync(Path)).ShouldBe(200).At("meta.total_count").ShouldBe("0");

        await scene.UseAsync("2031-03-02T00:00:00Z", 5, "acme-typo");
        await scene.UseAsync("2031-03-01T12:00:00Z", 5, "acme-typo");
        await SendAsync(scene, "a-1", MoneyScene.Subscription, "llm.typo", 1930176000);
        await SendAsync(scene, "a-2", "acme-typo", "llm.typo", 1930176001);
        var at = new DateTimeOffset(2031, 3, 3, 1, 2, 3, TimeSpan.Zero);
        await scene.App.ShipAsync(SomeUsage.Batch([SomeUsage.Text(SomeUsage.Event(at, subscription: MoneyScene.Subscription) with { Org = "other", Code = "llm.request" })]));
        (await scene.App.PostAsync("/api/v1/customers", new { customer = new { external_id = "other" } })).ShouldBe(200);
        await scene.App.ShipAsync(SomeUsage.Batch([SomeUsage.Text(SomeUsage.Event(at, subscription: MoneyScene.Subscription) with { Org = "other", Code = "llm.request" })]));

        string[] all =
        [
            "llm.request acme-main [\"external_subscription_id\"] 1 2031-03-03T01:02:03.000Z 2031-03-03T01:02:03.000Z",
            "llm.request acme-typo [\"external_subscription_id\"] 2 2031-03-01T12:00:00.000Z 2031-03-02T00:00:00.000Z",
            "llm.typo acme-main [\"code\"] 1 2031-03-02T00:00:00.000Z 2031-03-02T00:00:00.000Z",
            "llm.typo acme-typo [\"code\",\"external_subscription_id\"] 1 2031-03-02T00:00:01.000Z 2031-03-02T00:00:01.000Z",
        ];
        (await ListAsync(scene)).ShouldBe(all);
        await TestKit.Eventually.TrueAsync("all events are counted by a rollup", async () =>
            await scene.App.Services.GetRequiredService<RollupBuilder>().BuildWantedAsync(CancellationToken.None)
            && await scene.App.ScalarAsync<bool>("select exists (select from rollups where metric_id is null and state = 'ready')"));
        (await ListAsync(scene)).ShouldBe(all);
        var page = (await scene.App.GetAsync(Path + "?per_page=3&page=2")).ShouldBe(200);
        page["unknown_events"].GetArrayLength().ShouldBe(1);
        page.At("meta.total_count").ShouldBe("4");

        await scene.SubscribeAsync("acme-typo");
        (await scene.App.PostAsync("/api/v1/billable_metrics", new { billable_metric = new { name = "T", code = "llm.typo", aggregation_type = "count_agg" } })).ShouldBe(200);
        (await ListAsync(scene)).ShouldBe([all[0]]);
    }

    private static async Task<IEnumerable<string>> ListAsync(MoneyScene scene) => (await scene.App.GetAsync(Path)).ShouldBe(200)["unknown_events"].EnumerateArray().Select(one =>
        $"{one.GetProperty("code")} {one.GetProperty("external_subscription_id")} {one.GetProperty("unknown").GetRawText()} {one.GetProperty("events_count")} {one.GetProperty("first_at")} {one.GetProperty("last_at")}");

    private static async Task SendAsync(MoneyScene scene, string id, string subscription, string code, long timestamp) => (await scene.App.PostAsync("/api/v1/events", new
    {
        @event = new { transaction_id = id, external_subscription_id = subscription, code, timestamp },
    })).ShouldBe(200);
}
