using System.Globalization;
using Quota.Billing.Tests.Ingest;
using Quota.Shared.Usage;

namespace Quota.Billing.Tests.Invoicing;

public sealed class CorrectedUsageTests
{
    private const string Subscription = "corrected";

    [Fact]
    public async Task An_invoice_rates_the_truth_once_however_often_a_correction_comes()
    {
        await using var scene = await MoneyScene.StartAsync();
        await SubscribeAsync(scene);
        var estimate = Event("2031-03-10T12:00:00Z", input: 1500, output: 500);
        var correction = estimate with
        {
            Id = SomeUsage.Event(estimate.At).Id, Corrects = estimate.Id, Usage = new() { InputTokens = -600, OutputTokens = 20 },
        };
        var batch = SomeUsage.Batch(new[] { estimate, Event("2031-03-31T23:59:59Z", input: 300, output: 1), correction }.Select(SomeUsage.Text));
        (await scene.App.ShipAsync(batch)).ShouldAllBe(result => result.Status == ShipStatus.Accepted);
        (await scene.App.ShipAsync(batch)).ShouldAllBe(result => result.Status == ShipStatus.Duplicate);
        await scene.MoveClockAsync("2031-04-01T00:00:00Z");

        var invoice = (await scene.InvoicesAsync()).ShouldHaveSingleItem();
        // 1500 - 600 + 300 tokens are 1000 × 0.002 + 200 × 0.001. Rated one by one they would be 2.5 - 1.2 + 0.6, or 2.5 + 0 + 0.6.
        invoice.At("invoice.fees.0.units").ShouldBe("1200");
        invoice.At("invoice.fees.0.precise_amount").ShouldBe("2.2");
        invoice.At("invoice.fees.0.amount_cents").ShouldBe("220");
        // 500 + 20 + 1 at 0.01
        invoice.At("invoice.fees.1.units").ShouldBe("521");
        invoice.At("invoice.fees.1.amount_cents").ShouldBe("521");
        invoice.At("invoice.total_amount_cents").ShouldBe("741");
    }

    [Fact]
    public async Task A_sum_below_0_is_shown_as_it_is_and_owes_nothing()
    {
        await using var scene = await MoneyScene.StartAsync();
        await SubscribeAsync(scene);
        var alone = Event("2031-03-10T12:00:00Z", input: -600, output: 20) with { Corrects = SomeUsage.Event(DateTimeOffset.UnixEpoch).Id };
        (await scene.App.ShipAsync(SomeUsage.Batch([SomeUsage.Text(alone)]))).ShouldAllBe(result => result.Status == ShipStatus.Accepted);
        await scene.MoveClockAsync("2031-04-01T00:00:00Z");

        var invoice = (await scene.InvoicesAsync()).ShouldHaveSingleItem();
        invoice.At("invoice.fees.0.units").ShouldBe("-600");
        invoice.At("invoice.fees.0.events_count").ShouldBe("0", "a correction is no call");
        invoice.At("invoice.fees.0.precise_amount").ShouldBe("0");
        invoice.At("invoice.fees.0.precise_unit_amount").ShouldBe("0");
        invoice.At("invoice.total_amount_cents").ShouldBe("20", "the 20 tokens of output, with nothing taken off for the 600 of input");
    }

    private static UsageEvent Event(string at, long input, long output) =>
        SomeUsage.Event(DateTimeOffset.Parse(at, CultureInfo.InvariantCulture), input, output, Subscription) with { Org = MoneyScene.Customer };

    /// <summary>Input tokens graduated, $0.002 up to 1,000 and then $0.001; output tokens at $0.01; no base fee.</summary>
    private static async Task SubscribeAsync(MoneyScene scene)
    {
        var (input, output) = (await MetricAsync(scene, "input_tokens"), await MetricAsync(scene, "output_tokens"));
        (await scene.App.PostAsync("/api/v1/plans", new
        {
            plan = new
            {
                name = "Tokens", code = "tokens", interval = "monthly", amount_cents = 0, amount_currency = "USD",
                charges = new object[]
                {
                    new
                    {
                        billable_metric_id = input, charge_model = "graduated",
                        properties = new { tiers = new object[] { new { up_to = (int?)1000, unit_amount = "0.002" }, new { up_to = (int?)null, unit_amount = "0.001" } } },
                    },
                    new { billable_metric_id = output, charge_model = "standard", properties = new { amount = "0.01" } },
                },
            },
        })).ShouldBe(200);
        (await scene.App.PostAsync("/api/v1/subscriptions", new
        {
            subscription = new { external_customer_id = MoneyScene.Customer, plan_code = "tokens", external_id = Subscription, subscription_at = "2031-03-01T00:00:00Z" },
        })).ShouldBe(200);
    }

    private static async Task<string?> MetricAsync(MoneyScene scene, string field) => (await scene.App.PostAsync("/api/v1/billable_metrics", new
    {
        billable_metric = new { name = field, code = field, event_code = "llm.request", aggregation_type = "sum_agg", field_name = field },
    })).ShouldBe(200).At("billable_metric.lago_id");
}
