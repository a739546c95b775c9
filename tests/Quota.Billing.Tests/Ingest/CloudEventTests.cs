using System.Text;
using System.Text.Json;

namespace Quota.Billing.Tests.Ingest;

public sealed class CloudEventTests(SharedBillingApp shared) : IClassFixture<SharedBillingApp>
{
    private const string One = "application/cloudevents+json; charset=utf-8", Batch = "application/cloudevents-batch+json";

    private readonly BillingApp _app = shared.App;

    [Fact]
    public async Task One_is_an_event_in_other_words()
    {
        const string Sent = """
            {"specversion":"1.0","id":"ce-1","source":"/app","type":"pages","subject":"ce-sub","time":"2026-11-01T12:00:00.123456789+01:00",
                "datacontenttype":"application/json","data":{"pages":3,"deep":{"a":1}},"traceparent":"00-1"}
            """;
        var made = await SendAsync("/api/v1/events", One, Sent, 200);
        made.At("event.transaction_id").ShouldBe("ce-1");
        made.At("event.code").ShouldBe("pages");
        made.At("event.external_subscription_id").ShouldBe("ce-sub");
        made.At("event.timestamp").ShouldBe("2026-11-01T11:00:00.123Z");
        made.At("event.properties.deep.a").ShouldBe("1");
        (await SendAsync("/api/v1/events", One, Sent, 422)).At("error_details.transaction_id.0").ShouldBe("value_already_exist");
        (await _app.PostAsync("/api/v1/events", """{"event":{"transaction_id":"ce-1","external_subscription_id":"ce-sub","code":"pages"} }"""))
            .ShouldBe(422).At("error_details.transaction_id.0").ShouldBe("value_already_exist", "it is one event, whoever says it in which words");
        (await _app.GetAsync("/api/v1/events/ce-1")).ShouldBe(200).At("event.properties.pages").ShouldBe("3");
    }

    [Fact]
    public async Task A_batch_is_taken_whole_and_its_mistakes_are_named_by_position()
    {
        const string Good = """{"specversion":"1.0","id":"cb-1","source":"/app","type":"pages","subject":"ce-sub"}""";
        var refused = await SendAsync("/api/v1/events/batch", Batch, $$"""
            [{{Good}}, {"specversion":"0.3","source":"/app","type":"pages","subject":"s","id":"x","time":"yesterday"},
                {"specversion":"1.0","id":"y","type":"pages","subject":"s","data":"text"}, {"specversion":"1.0","source":"/app","id":"z","data_base64":"AA=="}, 7]
            """, 422);
        refused["error_details"].EnumerateObject().Select(one => one.Name).ShouldBe(["1", "2", "3", "4"]);
        Names(refused, "1").ShouldBe(["specversion", "timestamp"]);
        refused.At("error_details.1.timestamp.0").ShouldBe("invalid_format");
        Names(refused, "2").ShouldBe(["properties", "source"]);
        Names(refused, "3").ShouldBe(["code", "external_subscription_id", "properties"]);
        (await _app.GetAsync("/api/v1/events/cb-1")).ShouldBe(404);

        var stored = await SendAsync("/api/v1/events/batch", Batch, $"[{Good}]", 200);
        stored["events"].GetArrayLength().ShouldBe(1);
        stored.At("events.0.properties").ShouldBe("{}");
        (await SendAsync("/api/v1/events/batch", Batch, $"[{Good}]", 422)).At("error_details.0.transaction_id.0").ShouldBe("value_already_exist");
        (await SendAsync("/api/v1/events/batch", Batch, "[]", 422)).At("error_details.events.0").ShouldBe("no_events");
        (await SendAsync("/api/v1/events/batch", Batch, $"[{string.Join(',', Enumerable.Repeat("{}", 10_001))}]", 422)).At("error_details.events.0").ShouldBe("too_many_events");
    }

    [Theory]
    [InlineData("/api/v1/events", Batch, "[]", 415)]
    [InlineData("/api/v1/events/batch", One, "{}", 415)]
    [InlineData("/api/v1/events/batch", Batch, "{}", 400)]
    [InlineData("/api/v1/events", One, "[]", 400)]
    [InlineData("/api/v1/events", One, "{", 400)]
    [InlineData("/api/v1/events", One, """{"id":"a","id":"b"}""", 400)]
    [InlineData("/api/v1/events", One, "{}", 422)]
    [InlineData("/api/v1/events", One, """{"specversion":1,"id":{},"source":[],"type":null,"subject":7,"time":{},"data":[]}""", 422)]
    public async Task What_is_none_is_refused(string path, string type, string body, int status) => await SendAsync(path, type, body, status);

    private async Task<JsonAnswer> SendAsync(string path, string type, string body, int status)
    {
        using var content = new StringContent(body, Encoding.UTF8);
        content.Headers.Remove("Content-Type");
        content.Headers.TryAddWithoutValidation("Content-Type", type);
        using var response = await _app.Admin.PostAsync(path, content);
        var text = await response.Content.ReadAsStringAsync();
        return new JsonAnswer((int)response.StatusCode, text, JsonElement.Parse(text)).ShouldBe(status);
    }

    private static IEnumerable<string> Names(JsonAnswer answer, string position) =>
        answer["error_details." + position].EnumerateObject().Select(field => field.Name).Order();
}
