using System.Globalization;
using System.Text.Json;
using Quota.Billing.Subscriptions;
using Quota.Billing.Tests.Invoicing;

namespace Quota.Billing.Tests.Subscriptions;

/// <summary>What was used in the running period and in those before, whole and by the values of properties.</summary>
public sealed class UsageTests
{
    private const string Of = $"external_subscription_id={MoneyScene.Subscription}";
    private const string Now = $"/api/v1/customers/{MoneyScene.Customer}/current_usage?{Of}";
    private const string Past = $"/api/v1/customers/{MoneyScene.Customer}/past_usage";

    [Fact]
    public async Task Groups_add_up_to_the_charge()
    {
        await using var scene = await MoneyScene.StartAsync();
        await scene.SubscribeAsync();
        await UseAsync(scene, "2031-03-01T01:00:00Z", """{"tokens":700,"model":"a","team":"x"}""");
        await UseAsync(scene, "2031-03-02T01:00:00Z", """{"tokens":700,"model":"a","team":"y"}""");
        await UseAsync(scene, "2031-03-03T01:00:00Z", """{"tokens":601,"model":"b","team":"x"}""");
        await UseAsync(scene, "2031-03-04T01:00:00Z", """{"team":"x"}""");

        var usage = (await scene.App.GetAsync(Now + "&group_by[]=model")).ShouldBe(200);
        usage.At("customer_usage.charges_usage.1.amount_cents").ShouldBe("300");
        Text(usage["customer_usage.charges_usage.1.grouped_usage"]).ShouldBe(["{\"model\":null}: 0 of 1, 0", "{\"model\":\"a\"}: 1400 of 2, 210", "{\"model\":\"b\"}: 601 of 1, 90"]);
        Text(usage["customer_usage.charges_usage.0.grouped_usage"]).ShouldBe(["{\"model\":null}: 1 of 1, 1", "{\"model\":\"a\"}: 2 of 2, 2", "{\"model\":\"b\"}: 1 of 1, 1"]);

        usage = (await scene.App.GetAsync(Now + "&group_by[]=team&group_by[]=model")).ShouldBe(200);
        Text(usage["customer_usage.charges_usage.1.grouped_usage"]).ShouldBe([
            "{\"team\":\"x\",\"model\":null}: 0 of 1, 0", "{\"team\":\"x\",\"model\":\"a\"}: 700 of 1, 105", "{\"team\":\"x\",\"model\":\"b\"}: 601 of 1, 90",
            "{\"team\":\"y\",\"model\":\"a\"}: 700 of 1, 105"], ignoreOrder: true);
        (await scene.App.GetAsync(Now)).ShouldBe(200)["customer_usage.charges_usage.1.grouped_usage"].GetArrayLength().ShouldBe(0);

        (await scene.App.GetAsync(Now + "&group_by[]=")).ShouldBe(422).At("error_details.group_by.0").ShouldBe("value_is_invalid");
        (await scene.App.GetAsync(Now + string.Concat(Enumerable.Range(0, 9).Select(i => $"&group_by[]=k{i}")))).ShouldBe(422).At("error_details.group_by.0")!.ShouldContain("at most 8");
    }

    [Theory]
    [InlineData(100, new[] { 1, 1, 1 }, new[] { 34L, 33, 33 })]
    [InlineData(7, new[] { 0, 0 }, new[] { 4L, 3 })]
    [InlineData(10, new[] { 999, 1 }, new[] { 10L, 0 })]
    [InlineData(0, new[] { 5, 5 }, new[] { 0L, 0 })]
    [InlineData(5, new int[0], new long[0])]
    public void What_is_shared_out_adds_up(long cents, int[] weights, long[] shares) =>
        UsageGroups.Share(cents, [.. weights.Select(weight => (decimal)weight)]).ShouldBe(shares);

    [Fact]
    public async Task Past_usage_is_what_was_billed()
    {
        await using var scene = await MoneyScene.StartAsync();
        await scene.SubscribeAsync();
        (await scene.App.GetAsync($"{Past}?{Of}")).ShouldBe(200).At("meta.total_count").ShouldBe("0");
        await UseAsync(scene, "2031-03-01T01:00:00Z", """{"tokens":1001,"model":"a"}""");
        await scene.MoveClockAsync("2031-04-10T00:00:00Z");
        await UseAsync(scene, "2031-04-02T01:00:00Z", """{"tokens":10,"model":"b"}""");
        await UseAsync(scene, "2031-03-31T23:00:00Z", """{"tokens":99,"model":"b"}""");      // late: March is final
        await scene.MoveClockAsync("2031-05-01T00:00:00Z");

        var past = (await scene.App.GetAsync($"{Past}?{Of}&group_by[]=model")).ShouldBe(200);
        past.At("meta.total_count").ShouldBe("2");
        past["usage_periods"].EnumerateArray().Select(period => period.GetProperty("from_datetime").GetString()![..10]).ShouldBe(["2031-04-01", "2031-03-01"]);
        past.At("usage_periods.1.to_datetime").ShouldBe("2031-03-31T23:59:59.999Z");
        past.At("usage_periods.1.lago_invoice_id").ShouldBe((await scene.InvoicesAsync())[0].At("invoice.lago_id"));
        past.At("usage_periods.1.amount_cents").ShouldBe("201");
        past.At("usage_periods.1.currency").ShouldBe("USD");
        past.At("usage_periods.1.charges_usage.1.units").ShouldBe("1001");
        past.At("usage_periods.1.charges_usage.1.charge.charge_model").ShouldBe("graduated");
        past.At("usage_periods.1.charges_usage.1.billable_metric.code").ShouldBe("tokens");
        Text(past["usage_periods.0.charges_usage.1.grouped_usage"]).ShouldBe(["{\"model\":\"b\"}: 10 of 1, 2"]);

        var only = (await scene.App.GetAsync($"{Past}?{Of}&billable_metric_code=requests&periods_count=1")).ShouldBe(200);
        only.At("meta.total_count").ShouldBe("1");
        only["usage_periods.0.charges_usage"].GetArrayLength().ShouldBe(1);
        only.At("usage_periods.0.charges_usage.0.units").ShouldBe("1");
        (await scene.App.GetAsync($"{Past}?{Of}&per_page=1&page=2")).ShouldBe(200).At("usage_periods.0.from_datetime").ShouldStartWith("2031-03-01");

        (await scene.App.GetAsync(Past)).ShouldBe(422).At("error_details.external_subscription_id.0").ShouldBe("value_is_mandatory");
        (await scene.App.GetAsync($"{Past}?{Of}&periods_count=none")).ShouldBe(422).At("error_details.periods_count.0").ShouldBe("value_is_invalid");
        (await scene.App.GetAsync(Past + "?external_subscription_id=nothing")).ShouldBe(404).At("code").ShouldBe("subscription_not_found");
        (await scene.App.GetAsync($"/api/v1/customers/nobody/past_usage?{Of}")).ShouldBe(404).At("code").ShouldBe("customer_not_found");
    }

    [Fact]
    public async Task Groups_whose_events_are_gone_are_refused_and_the_rest_is_answered()
    {
        await using var scene = await MoneyScene.StartAsync();
        await scene.SubscribeAsync();
        await UseAsync(scene, "2031-03-01T01:00:00Z", """{"tokens":1001,"model":"a"}""");
        await scene.MoveClockAsync("2031-05-01T00:00:00Z");
        await using (var connection = await scene.App.OpenAsync())
        {
            await using var cut = new Npgsql.NpgsqlCommand("insert into event_cuts values ('2031-04-01Z', now())", connection);
            await cut.ExecuteNonQueryAsync();
        }
        (await scene.App.GetAsync($"{Past}?{Of}")).ShouldBe(200).At("usage_periods.1.amount_cents").ShouldBe("201");
        var refused = (await scene.App.GetAsync($"{Past}?{Of}&group_by[]=model")).ShouldBe(410);
        refused.At("code").ShouldBe("events_gone");
        refused.At("error_details.period.0")!.ShouldContain("2031-04-01");
    }

    [Fact]
    public async Task A_metric_has_a_rollup_by_its_filters_from_the_beginning()
    {
        await using var scene = await MoneyScene.StartAsync();
        var made = (await scene.App.PostAsync("/api/v1/billable_metrics", new
        {
            billable_metric = new
            {
                name = "M", code = "m", event_code = "llm.request", aggregation_type = "sum_agg", field_name = "tokens",
                filters = new object[] { new { key = "model", values = new[] { "a" } }, new { key = "team", values = new[] { "x" } } },
            },
        })).ShouldBe(200).At("billable_metric.lago_id");
        (await RollupsAsync()).ShouldBe("model,team");
        (await scene.App.PutAsync("/api/v1/billable_metrics/m", new { billable_metric = new { filters = new object[] { new { key = "model", values = new[] { "a" } }, new { key = "user", values = new[] { "ann" } } } } })).ShouldBe(200);
        (await RollupsAsync()).ShouldBe("model,team; model,user");
        Task<string> RollupsAsync() => scene.App.ScalarAsync<string>($"select string_agg(distinct array_to_string(keys, ','), '; ') from rollups where metric_id = '{made}' and state <> 'retired'");
    }

    private static async Task UseAsync(MoneyScene scene, string at, string properties) => (await scene.App.PostAsync("/api/v1/events", $$"""
        {"event":{"transaction_id":"{{at}}","external_subscription_id":"{{MoneyScene.Subscription}}","code":"llm.request",
            "timestamp":{{DateTimeOffset.Parse(at, CultureInfo.InvariantCulture).ToUnixTimeSeconds()}},"properties":{{properties}} } }
        """)).ShouldBe(200);

    private static IEnumerable<string> Text(JsonElement groups) => groups.EnumerateArray().Select(group =>
        $"{group.GetProperty("grouped_by").GetRawText()}: {group.GetProperty("units").GetString()} of {group.GetProperty("events_count").GetInt64()}, {group.GetProperty("amount_cents").GetInt64()}");
}
