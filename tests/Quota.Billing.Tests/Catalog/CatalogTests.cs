namespace Quota.Billing.Tests.Catalog;

public sealed class CatalogTests(SharedBillingApp shared) : IClassFixture<SharedBillingApp>
{
    private readonly BillingApp _app = shared.App;

    [Fact]
    public async Task A_plan_is_stored_with_its_charges_and_shown_as_it_was_sent()
    {
        var metric = await MetricAsync("m-plan");
        var made = (await _app.PostAsync("/api/v1/plans", new
        {
            plan = new
            {
                name = "Pro", code = "p-pro", interval = "monthly", amount_cents = 4900, amount_currency = "usd", pay_in_advance = false, trial_period = 0, tax_codes = Array.Empty<string>(),
                charges = new[] { new { billable_metric_id = metric, charge_model = "standard", invoice_display_name = "Calls", properties = new { amount = "0.0010" } } },
            },
        })).ShouldBe(200);
        made.At("plan.amount_currency").ShouldBe("USD");
        made.At("plan.charges.0.billable_metric_code").ShouldBe("m-plan");
        var shown = (await _app.GetAsync("/api/v1/plans/p-pro")).ShouldBe(200);
        shown.Text.ShouldBe(made.Text);
        shown.At("plan.charges.0.properties.amount").ShouldBe("0.0010");
        (await _app.DeleteAsync("/api/v1/billable_metrics/m-plan")).ShouldBe(405).At("code").ShouldBe("attached_to_a_plan");
        (await _app.PostAsync("/api/v1/plans", new { plan = new { name = "Pro", code = "p-pro", interval = "monthly", amount_cents = 1, amount_currency = "USD" } }))
            .ShouldBe(422).At("error_details.code.0").ShouldBe("value_already_exist");
        (await _app.DeleteAsync("/api/v1/plans/p-pro")).ShouldBe(200);
        (await _app.GetAsync("/api/v1/plans/p-pro")).ShouldBe(404).At("code").ShouldBe("plan_not_found");
    }

    [Fact]
    public async Task A_plans_mistakes_come_all_at_once_each_with_its_path()
    {
        var metric = await MetricAsync("m-bad");
        var answer = (await _app.PostAsync("/api/v1/plans", new
        {
            plan = new
            {
                code = "p-bad", interval = "yearly", amount_cents = -1, amount_currency = "dollars", pay_in_advance = true, trial_period = 7,
                minimum_commitment = new { amount_cents = 1 },
                charges = new object[]
                {
                    new { billable_metric_id = metric, charge_model = "barter", properties = new { } },
                    new { billable_metric_id = metric, charge_model = "graduated", properties = new { graduated_ranges = new[] { new { from_value = 1, to_value = 2, per_unit_amount = 0.1 } } } },
                    new { billable_metric_id = Guid.Empty, charge_model = "standard", pay_in_advance = true, min_amount_cents = 5, properties = new { } },
                    new { charge_model = "standard", properties = "no" },
                },
            },
        })).ShouldBe(422);
        var details = answer["error_details"];
        foreach (var field in new[]
        {
            "name", "interval", "amount_cents", "amount_currency", "pay_in_advance", "trial_period", "minimum_commitment",
            "charges.0.charge_model",
            "charges.1.properties.graduated_ranges.0.from_value", "charges.1.properties.graduated_ranges.0.to_value", "charges.1.properties.graduated_ranges.0.per_unit_amount",
            "charges.2.billable_metric_id", "charges.2.pay_in_advance", "charges.2.min_amount_cents", "charges.2.properties.amount",
            "charges.3.billable_metric_id", "charges.3.properties",
        })
            details.TryGetProperty(field, out _).ShouldBeTrue($"{field} in {answer.Text}");
        (await _app.GetAsync("/api/v1/plans/p-bad")).ShouldBe(404);
    }

    [Theory]
    [InlineData("""{}""", 400)]
    [InlineData("""{"plan":[]}""", 400)]
    [InlineData("""{"plan":{}}""", 422)]
    [InlineData("""{"plan":{"name":1,"code":{},"interval":[],"amount_cents":"many","amount_currency":7,"charges":{}}}""", 422)]
    [InlineData("""{"plan":{"name":"x","code":"x","interval":"monthly","amount_cents":1e40,"amount_currency":"USD","charges":[1,null,"x"]}}""", 422)]
    [InlineData("""{"plan":{"name":"x","code":"x","interval":"monthly","amount_cents":1.5,"amount_currency":"USD"}}""", 422)]
    [InlineData("{\"plan\":{\"name\":\"\\u0000\",\"code\":\"x\",\"interval\":\"monthly\",\"amount_cents\":1,\"amount_currency\":\"USD\"}}", 422)]
    [InlineData("""{"plan":{"name":"x","name":"y"}}""", 400)]
    public async Task Bad_input_is_never_our_fault(string body, int status) => (await _app.PostAsync("/api/v1/plans", body)).ShouldBe(status);

    private async Task<string> MetricAsync(string code) =>
        (await _app.PostAsync("/api/v1/billable_metrics", new { billable_metric = new { name = code, code, aggregation_type = "count_agg" } }))
            .ShouldBe(200).At("billable_metric.lago_id")!;
}
