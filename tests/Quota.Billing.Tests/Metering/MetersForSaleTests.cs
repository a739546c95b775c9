using System.Globalization;
using Quota.Billing.Tests.Invoicing;

namespace Quota.Billing.Tests.Metering;

/// <summary>Every way to measure, from the metric over a plan and events to what the customer is shown and billed.</summary>
public sealed class MetersForSaleTests
{
    [Fact]
    public async Task A_month_of_usage_by_every_meter()
    {
        await using var scene = await MoneyScene.StartAsync();
        (string Meter, string Terms, string Units)[] meters =
        [
            ("count", "\"aggregation_type\":\"count_agg\"", "3"),
            ("sum", "\"aggregation_type\":\"sum_agg\",\"field_name\":\"gb\"", "2.5"),
            ("sum-recurring", "\"aggregation_type\":\"sum_agg\",\"field_name\":\"gb\",\"recurring\":true", "8.5"),
            ("max", "\"aggregation_type\":\"max_agg\",\"field_name\":\"gb\"", "1.5"),
            ("min", "\"aggregation_type\":\"min_agg\",\"field_name\":\"gb\"", "1"),
            ("latest", "\"aggregation_type\":\"latest_agg\",\"field_name\":\"gb\"", "1"),
            ("average", "\"aggregation_type\":\"average_agg\",\"field_name\":\"gb\"", "0.833333333333"),
            ("average-up", "\"aggregation_type\":\"average_agg\",\"field_name\":\"gb\",\"rounding_function\":\"ceil\",\"rounding_precision\":1", "0.9"),
            ("unique", "\"aggregation_type\":\"unique_count_agg\",\"field_name\":\"user\"", "1"),
            ("unique-recurring", "\"aggregation_type\":\"unique_count_agg\",\"field_name\":\"user\",\"recurring\":true", "2"),
            ("unique-pairs", "\"aggregation_type\":\"unique_count_agg\",\"expression\":\"concat(event.properties.user, '/', event.properties.gb)\"", "2"),
            ("weighted", "\"aggregation_type\":\"weighted_sum_agg\",\"field_name\":\"gb\",\"weighted_interval\":\"seconds\"", "1"),
            ("weighted-recurring", "\"aggregation_type\":\"weighted_sum_agg\",\"field_name\":\"gb\",\"weighted_interval\":\"seconds\",\"recurring\":true", "7"),
            ("expression", "\"aggregation_type\":\"sum_agg\",\"expression\":\"round(event.properties.gb * 1000 / 3)\"", "833"),
            ("constant", "\"aggregation_type\":\"sum_agg\",\"expression\":\"2\"", "6"),
        ];
        await SellAsync(scene, meters);
        var march = 0;
        await UseAsync(scene, "2031-03-10T00:00:00Z", ++march, """{"gb":4,"user":"ann"}""");
        await UseAsync(scene, "2031-03-11T00:00:00Z", ++march, """{"gb":2,"user":"bob"}""");
        await scene.MoveClockAsync("2031-04-29T00:00:00Z");
        await UseAsync(scene, "2031-04-16T00:00:00Z", ++march, """{"gb":"1.5","user":"cid"}""");                 // half of April is left
        await UseAsync(scene, "2031-04-16T00:00:01Z", ++march, """{"user":"ann","operation_type":"remove"}""");
        await UseAsync(scene, "2031-04-23T12:00:00Z", ++march, """{"gb":1,"user":"cid"}""");                     // a quarter

        var usage = (await scene.App.GetAsync($"/api/v1/customers/{MoneyScene.Customer}/current_usage?external_subscription_id=meters")).ShouldBe(200)["customer_usage.charges_usage"];
        var shown = usage.EnumerateArray().Select(one => $"{one.GetProperty("billable_metric").GetProperty("code").GetString()} {one.GetProperty("units").GetString()}");
        shown.ShouldBe(meters.Select(one => $"{one.Meter} {one.Units}"));
        usage.EnumerateArray().ShouldAllBe(one => one.GetProperty("events_count").GetInt64() == 3);

        // The invoice of May has what recurs, though nothing was used.
        await scene.MoveClockAsync("2031-06-02T00:00:00Z");
        var may = (await scene.InvoicesAsync()).Last(invoice => invoice["invoice.fees"].EnumerateArray().Any(fee => fee.GetProperty("item").GetProperty("code").GetString() == "sum-recurring"));
        may["invoice.fees"].EnumerateArray().Select(fee => $"{fee.GetProperty("item").GetProperty("code").GetString()} {fee.GetProperty("units").GetString()}")
            .Where(fee => !fee.StartsWith("meters ", StringComparison.Ordinal)).ShouldBe(["sum-recurring 8.5", "unique-recurring 2", "weighted-recurring 8.5"]);
    }

    private static async Task SellAsync(MoneyScene scene, IEnumerable<(string Meter, string Terms, string Units)> meters)
    {
        var charges = new List<object>();
        foreach (var (code, terms, _) in meters)
        {
            var metric = (await scene.App.PostAsync("/api/v1/billable_metrics", $$"""{"billable_metric":{"name":"M","code":"{{code}}","event_code":"storage",{{terms}} } }""")).ShouldBe(200);
            charges.Add(new { billable_metric_id = metric.At("billable_metric.lago_id"), charge_model = "standard", properties = new { amount = "1" } });
        }
        (await scene.App.PostAsync("/api/v1/plans", new { plan = new { name = "Meters", code = "meters", interval = "monthly", amount_cents = 0, amount_currency = "USD", pay_in_advance = false, charges } })).ShouldBe(200);
        (await scene.App.PostAsync("/api/v1/subscriptions", new
        {
            subscription = new { external_customer_id = MoneyScene.Customer, plan_code = "meters", external_id = "meters", billing_time = "calendar", subscription_at = "2031-03-01T00:00:00Z" },
        })).ShouldBe(200);
    }

    private static async Task UseAsync(MoneyScene scene, string at, int number, string properties) => (await scene.App.PostAsync("/api/v1/events", $$"""
        {"event":{"transaction_id":"m-{{number}}","external_subscription_id":"meters","code":"storage",
        "timestamp":{{DateTimeOffset.Parse(at, CultureInfo.InvariantCulture).ToUnixTimeSeconds()}},"properties":{{properties}} } }
        """)).ShouldBe(200);
}
