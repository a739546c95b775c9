using System.Text.Json;

namespace Quota.Billing.Tests.Catalog;

public sealed class MetricTests(SharedBillingApp shared) : IClassFixture<SharedBillingApp>
{
    private readonly BillingApp _app = shared.App;

    [Fact]
    public async Task A_metric_is_made_shown_renamed_and_deleted()
    {
        var made = (await _app.PostAsync("/api/v1/billable_metrics", new
        {
            billable_metric = new { name = "Output", code = "m-output", event_code = "llm.request", aggregation_type = "sum_agg", field_name = "output_tokens", recurring = false },
        })).ShouldBe(200);
        made.At("billable_metric.event_code").ShouldBe("llm.request");
        (await _app.GetAsync("/api/v1/billable_metrics/m-output")).ShouldBe(200).At("billable_metric.lago_id").ShouldBe(made.At("billable_metric.lago_id"));
        (await _app.GetAsync("/api/v1/billable_metrics")).ShouldBe(200).At("meta.total_count").ShouldNotBe("0");

        var renamed = (await _app.PutAsync("/api/v1/billable_metrics/m-output", new { billable_metric = new { name = "Output tokens", code = "m-output" } })).ShouldBe(200);
        renamed.At("billable_metric.name").ShouldBe("Output tokens");
        (await _app.PutAsync("/api/v1/billable_metrics/m-output", new { billable_metric = new { field_name = "input_tokens" } }))
            .ShouldBe(422)["error_details.field_name"].GetArrayLength().ShouldBe(1);
        (await _app.DeleteAsync("/api/v1/billable_metrics/m-output")).ShouldBe(200);
        (await _app.GetAsync("/api/v1/billable_metrics/m-output")).ShouldBe(404).At("code").ShouldBe("billable_metric_not_found");
    }

    [Fact]
    public async Task All_that_a_metric_says_is_kept_and_shown()
    {
        const string Sent = """
            {"name":"GB","code":"m-full","aggregation_type":"weighted_sum_agg","field_name":"gb","recurring":true,"weighted_interval":"seconds",
             "expression":"round(event.properties.mb / 1024, 3)","rounding_function":"ceil","rounding_precision":-1,
             "filters":[{"key":"region","values":["eu","us"]},{"key":"tier","values":["hot"]}]}
            """;
        var made = (await SendAsync(Sent)).ShouldBe(200);
        var shown = (await _app.GetAsync("/api/v1/billable_metrics/m-full")).ShouldBe(200);
        shown.Text.ShouldBe(made.Text);
        foreach (var field in JsonElement.Parse(Sent).EnumerateObject())
            JsonElement.DeepEquals(shown[$"billable_metric.{field.Name}"], field.Value).ShouldBeTrue(field.Name);

        // What an SDK sends back unchanged is no change; filters are only declared by it.
        (await PutAsync("m-full", Sent)).ShouldBe(200).Text.ShouldBe(made.Text);
        (await PutAsync("m-full", """{"name":"GB","filters":[{"key":"region","values":["eu","us","ap"]}]}""")).ShouldBe(200).At("billable_metric.filters.0.values.2").ShouldBe("ap");
        (await PutAsync("m-full", """{"filters":[{"key":"region"}]}""")).ShouldBe(422);
        var refused = (await PutAsync("m-full", """
            {"code":"x","aggregation_type":"sum_agg","field_name":"x","recurring":false,"expression":"1","rounding_function":"floor","rounding_precision":0}
            """)).ShouldBe(422);
        foreach (var field in new[] { "code", "aggregation_type", "field_name", "recurring", "expression", "rounding_function", "rounding_precision" })
            refused[$"error_details.{field}"].GetArrayLength().ShouldBe(1, field);
        (await _app.GetAsync("/api/v1/billable_metrics/m-full")).At("billable_metric.recurring").ShouldBe("true", StringCompareShould.IgnoreCase);
    }

    [Fact]
    public async Task What_a_metric_does_not_say_is_null_or_nothing()
    {
        var made = (await SendAsync("""{"name":"C","code":"m-plain","aggregation_type":"count_agg","expression":"","filters":[],"rounding_function":null}""")).ShouldBe(200);
        foreach (var field in new[] { "field_name", "expression", "weighted_interval", "rounding_function", "rounding_precision" })
            made[$"billable_metric.{field}"].ValueKind.ShouldBe(JsonValueKind.Null, field);
        made["billable_metric.recurring"].ValueKind.ShouldBe(JsonValueKind.False);
        made["billable_metric.filters"].GetArrayLength().ShouldBe(0);
    }

    [Theory]
    [InlineData("count_agg", "")]
    [InlineData("sum_agg", "'field_name':'n'")]
    [InlineData("max_agg", "'field_name':'n','rounding_function':'round','rounding_precision':15")]
    [InlineData("min_agg", "'expression':'-event.properties.n'")]
    [InlineData("latest_agg", "'field_name':'n','recurring':false")]
    [InlineData("average_agg", "'field_name':'n'")]
    [InlineData("unique_count_agg", "'field_name':'n','recurring':true")]
    [InlineData("weighted_sum_agg", "'field_name':'n','weighted_interval':'seconds'")]
    public async Task Every_aggregation_is_for_sale(string type, string rest) => (await SendAsync(Metric($"m-{type}", type, rest))).ShouldBe(200);

    [Theory]
    [InlineData("median_agg", "", "aggregation_type", "value_is_invalid")]
    [InlineData("sum_agg", "", "field_name", "value_is_mandatory")]
    [InlineData("sum_agg", "'expression':null", "field_name", "value_is_mandatory")]
    [InlineData("count_agg", "'recurring':true", "recurring", "not_compatible_with_aggregation_type")]
    [InlineData("max_agg", "'field_name':'n','recurring':true", "recurring", "not_compatible_with_aggregation_type")]
    [InlineData("latest_agg", "'field_name':'n','recurring':true", "recurring", "not_compatible_with_aggregation_type")]
    [InlineData("count_agg", "'expression':'1'", "expression", "not_compatible_with_aggregation_type")]
    [InlineData("weighted_sum_agg", "'field_name':'n'", "weighted_interval", "value_is_invalid")]
    [InlineData("weighted_sum_agg", "'field_name':'n','weighted_interval':'days'", "weighted_interval", "value_is_invalid")]
    [InlineData("sum_agg", "'field_name':'n','rounding_function':'up'", "rounding_function", "value_is_invalid")]
    [InlineData("sum_agg", "'field_name':'n','rounding_precision':16", "rounding_precision", "value_is_out_of_range")]
    [InlineData("sum_agg", "'field_name':'n','rounding_precision':0.5", "rounding_precision", "value_is_invalid")]
    [InlineData("sum_agg", "'expression':'1 +'", "expression", "invalid_expression|at 4: a value is missing")]
    [InlineData("sum_agg", "'field_name':'n','filters':[{'values':['a']}]", "filters.0.key", "value_is_mandatory")]
    [InlineData("sum_agg", "'field_name':'n','filters':[{'key':'a'}]", "filters.0.values", "value_is_mandatory")]
    [InlineData("sum_agg", "'field_name':'n','filters':[{'key':'a','values':['x','x']}]", "filters.0.values", "'x' is there more than once")]
    [InlineData("sum_agg", "'field_name':'n','filters':[{'key':'a','values':['x']},{'key':'a','values':['y']}]", "filters.1.key", "'a' has a filter already")]
    [InlineData("sum_agg", "'field_name':'n','filters':[{'key':'a','values':[7]}]", "filters.0.values", "value_is_invalid")]
    [InlineData("sum_agg", "'field_name':'n','filters':{}", "filters", "value_is_invalid")]
    public async Task A_mistake_has_its_word(string type, string rest, string field, string words)
    {
        var details = (await SendAsync(Metric("m-mistaken", type, rest))).ShouldBe(422)["error_details"];
        details.EnumerateObject().Select(one => one.Name).ShouldBe([field]);
        string.Join('|', details.GetProperty(field).EnumerateArray()).ShouldBe(words);
    }

    [Fact]
    public async Task All_mistakes_come_at_once()
    {
        var answer = (await SendAsync("""
            {"aggregation_type":"latest_agg","recurring":true,"expression":"a+b","filters":[{"key":"model"}],"rounding_function":7,"rounding_precision":"many","weighted_interval":"weeks"}
            """)).ShouldBe(422);
        answer.At("code").ShouldBe("validation_errors");
        answer.At("error_details.name.0").ShouldBe("value_is_mandatory");
        answer.At("error_details.code.0").ShouldBe("value_is_mandatory");
        answer["error_details.expression"].GetArrayLength().ShouldBe(3);
        foreach (var field in new[] { "name", "code", "recurring", "expression", "filters.0.values", "rounding_function", "rounding_precision", "weighted_interval" })
            answer["error_details"].TryGetProperty(field, out _).ShouldBeTrue($"{field} in {answer.Text}");
        answer["error_details"].EnumerateObject().Count().ShouldBe(8);
    }

    [Theory]
    [InlineData("""{"expression":"round(event.properties.units * 2, 1)","event":{"code":"preview","timestamp":1786579200.9,"properties":{"units":"1.26"}}}""", "2.5")]
    [InlineData("""{"expression":"event.timestamp","event":{"timestamp":"1786579200.9"}}""", "1786579200.9")]
    [InlineData("""{"expression":"concat(event.code, '-', event.properties.id)","event":{"code":"c","properties":{"id":7}}}""", "c-7")]
    [InlineData("""{"expression":"1 / 3"}""", "0.333333333333")]
    public async Task An_expression_can_be_tried(string body, string value) => (await EvaluateAsync(body)).ShouldBe(200).Text.ShouldBe($$$"""{"expression_result":{"value":"{{{value}}}"}}""");

    [Theory]
    [InlineData("{}", "expression", "value_is_mandatory")]
    [InlineData("""{"expression":"1 +"}""", "expression", "invalid_expression|at 4: a value is missing")]
    [InlineData("""{"expression":"event.properties.n","event":{"properties":{"m":1}}}""", "event", "invalid_event|gives no value: a property is missing or no number, or it divides by 0, or the number is too large")]
    [InlineData("""{"expression":"1","event":[]}""", "event", "value_is_invalid")]
    [InlineData("""{"expression":"1","event":{"timestamp":"soon"}}""", "event.timestamp", "value_is_invalid")]
    [InlineData("""{"expression":"1","event":{"timestamp":1e27}}""", "event.timestamp", "invalid_format")]
    [InlineData("""{"expression":"1","event":{"properties":7}}""", "event.properties", "value_is_invalid")]
    public async Task A_trial_that_fails_says_why(string body, string field, string words) =>
        string.Join('|', (await EvaluateAsync(body)).ShouldBe(422)["error_details"].GetProperty(field).EnumerateArray()).ShouldBe(words);

    [Fact]
    public async Task A_code_is_taken_once_however_many_ask_together()
    {
        var body = new { billable_metric = new { name = "Calls", code = "m-race", aggregation_type = "count_agg" } };
        var answers = await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => _app.PostAsync("/api/v1/billable_metrics", body)));
        answers.Count(answer => answer.Status == 200).ShouldBe(1);
        answers.Where(answer => answer.Status != 200).ShouldAllBe(answer => answer.Status == 422 && answer.At("error_details.code.0") == "value_already_exist");
    }

    private static string Metric(string code, string type, string rest) =>
        $$"""{"name":"M","code":"{{code}}","aggregation_type":"{{type}}"{{(rest.Length > 0 ? "," : "")}}{{rest.Replace('\'', '"')}}}""";

    private Task<JsonAnswer> SendAsync(string metric) => _app.PostAsync("/api/v1/billable_metrics", $$"""{"billable_metric":{{metric}}}""");

    private Task<JsonAnswer> PutAsync(string code, string metric) => _app.PutAsync($"/api/v1/billable_metrics/{code}", JsonElement.Parse($$"""{"billable_metric":{{metric}}}"""));

    private Task<JsonAnswer> EvaluateAsync(string body) => _app.PostAsync("/api/v1/billable_metrics/evaluate_expression", body);
}
