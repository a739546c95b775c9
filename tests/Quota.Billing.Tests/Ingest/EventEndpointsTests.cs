using System.Text.Json.Nodes;
using Quota.TestKit;

namespace Quota.Billing.Tests.Ingest;

public sealed class EventEndpointsTests(SharedBillingApp shared) : IClassFixture<SharedBillingApp>
{
    private readonly BillingApp _app = shared.App;
    private readonly DateTimeOffset _now = TimeProvider.System.GetUtcNow();

    [Fact]
    public async Task Lives_as_lago_describes_it()
    {
        var sent = new
        {
            @event = new
            {
                transaction_id = "tx-1",
                external_subscription_id = "api-sub",
                code = "pages",
                timestamp = "1764547199.123456",
                precise_total_amount_cents = "12.50",
                properties = new { pages = 3, deep = new { b = 1, a = "ü" } },
            },
        };
        var made = (await _app.PostAsync("/api/v1/events", sent)).ShouldBe(200);
        made.At("event.transaction_id").ShouldBe("tx-1");
        made.At("event.timestamp").ShouldBe("2025-11-30T23:59:59.123Z");
        made.At("event.precise_total_amount_cents").ShouldBe("12.5");
        made.At("event.properties.deep.a").ShouldBe("ü");
        made.At("event.lago_subscription_id").ShouldBeNull("nobody knows this subscription yet, and the event is kept");
        made["event"].EnumerateObject().Select(property => property.Name).Order().ShouldBe(
        [
            "code", "created_at", "external_subscription_id", "lago_customer_id", "lago_id", "lago_subscription_id", "precise_total_amount_cents",
            "properties", "timestamp", "transaction_id",
        ]);

        var again = (await _app.PostAsync("/api/v1/events", sent)).ShouldBe(422);
        again.Text.ShouldBe("""{"status":422,"error":"Unprocessable Entity","code":"validation_errors","error_details":{"transaction_id":["value_already_exist"]}}""");
        var got = (await _app.GetAsync("/api/v1/events/tx-1")).ShouldBe(200);
        got.At("event.lago_id").ShouldBe(made.At("event.lago_id"));
        got.At("event.properties.pages").ShouldBe("3");
        (await _app.GetAsync("/api/v1/events/tx-none")).ShouldBe(404).At("code").ShouldBe("event_not_found");
    }

    [Fact]
    public async Task One_id_may_be_used_by_two_subscriptions()
    {
        (await _app.PostAsync("/api/v1/events", Event("tx-shared", "one"))).ShouldBe(200);
        (await _app.PostAsync("/api/v1/events", Event("tx-shared", "two"))).ShouldBe(200);
        (await _app.PostAsync("/api/v1/events", Event("tx-shared", "one"))).ShouldBe(422);
    }

    [Fact]
    public async Task A_batch_is_stored_as_a_whole_or_not_at_all()
    {
        (await _app.PostAsync("/api/v1/events/batch", Batch("b-1", "b-2"))).ShouldBe(200)["events"].GetArrayLength().ShouldBe(2);
        var refused = (await _app.PostAsync("/api/v1/events/batch", Batch("b-3", "b-2", "b-4", "b-1"))).ShouldBe(422);
        refused["error_details"].GetRawText().ShouldBe("""{"1":{"transaction_id":["value_already_exist"]},"3":{"transaction_id":["value_already_exist"]}}""");
        (await _app.PostAsync("/api/v1/events/batch", Batch("b-5", "b-5"))).ShouldBe(422)["error_details"].GetRawText()
            .ShouldBe("""{"1":{"transaction_id":["value_already_exist"]}}""");
        (await _app.ScalarAsync<long>("select count(*) from usage_events where transaction_id in ('b-3', 'b-4', 'b-5')")).ShouldBe(0);
        (await _app.PostAsync("/api/v1/events/batch", Batch("b-3", "b-4", "b-5"))).ShouldBe(200);

        (await _app.PostAsync("/api/v1/events/batch", Batch())).ShouldBe(422).At("error_details.events.0").ShouldBe("no_events");
        (await _app.PostAsync("/api/v1/events/batch", "{}")).ShouldBe(422).At("error_details.events.0").ShouldBe("no_events");
        (await _app.PostAsync("/api/v1/events/batch", "{\"events\":[" + string.Join(',', Enumerable.Repeat("0", 10_001)) + "]}")).ShouldBe(422)
            .At("error_details.events.0").ShouldBe("too_many_events");
        var mistakes = (await _app.PostAsync("/api/v1/events/batch", """
            {"events":[{"transaction_id":"m-1","external_subscription_id":"s","code":"c"},7,
                       {"transaction_id":"m-2","external_subscription_id":"s","timestamp":"yesterday"}]}
            """)).ShouldBe(422);
        mistakes["error_details"].EnumerateObject().Select(property => property.Name).ShouldBe(["1", "2"]);
        mistakes["error_details.2"].GetRawText().ShouldBe("""{"code":["value_is_mandatory"],"timestamp":["invalid_format"]}""");
    }

    [Fact]
    public async Task Ten_thousand_events_are_one_batch()
    {
        var ids = Enumerable.Range(0, 10_000).Select(i => $"big-{i}").ToArray();
        (await _app.PostAsync("/api/v1/events/batch", Batch(ids))).ShouldBe(200)["events"].GetArrayLength().ShouldBe(10_000);
    }

    [Theory]
    [InlineData("timestamp", "\"2026-11-30T00:00:00Z\"", "invalid_format")]
    [InlineData("timestamp", "-1", "invalid_format")]
    [InlineData("timestamp", "1e30", "invalid_format")]
    [InlineData("timestamp", "99999999999999999999999", "invalid_format")]
    [InlineData("timestamp", "true", "invalid_format")]
    [InlineData("properties", "[]", "value_is_invalid")]
    [InlineData("properties", "{\"a\":\"\\u0000\"}", "value_is_invalid")]
    [InlineData("properties", "{\"a\":[{\"b\":\"\\ud800\"}]}", "value_is_invalid")]
    [InlineData("properties", "{\"a\\u0000\":1}", "value_is_invalid")]
    [InlineData("properties", "{\"a\":1e400000}", "value_is_invalid")]
    [InlineData("code", "\"\"", "value_is_mandatory")]
    [InlineData("code", "12", "value_is_invalid")]
    [InlineData("precise_total_amount_cents", "\"1.2.3\"", "value_is_invalid")]
    public async Task Bad_fields_are_refused_by_name(string field, string value, string problem)
    {
        var sent = Event("bad", "s");
        sent["event"]![field] = "VALUE";
        var answer = (await _app.PostAsync("/api/v1/events", sent.ToJsonString().Replace("\"VALUE\"", value, StringComparison.Ordinal))).ShouldBe(422);
        answer.At($"error_details.{field}.0").ShouldBe(problem);
        (await _app.ScalarAsync<long>("select count(*) from usage_events where transaction_id = 'bad'")).ShouldBe(0);
    }

    [Fact]
    public async Task Racing_senders_of_one_id_store_one_event()
    {
        var answers = await Task.WhenAll(Enumerable.Range(0, 12).Select(_ => _app.PostAsync("/api/v1/events", Event("race", "race"))));
        answers.Count(answer => answer.Status == 200).ShouldBe(1);
        answers.Count(answer => answer.Status == 422).ShouldBe(11);
        (await _app.ScalarAsync<long>("select count(*) from usage_events where transaction_id = 'race'")).ShouldBe(1);
    }

    [Fact]
    public async Task Both_sources_are_found_and_listed()
    {
        var usage = SomeUsage.Event(_now, subscription: "both");
        await _app.ShipAsync(SomeUsage.Batch([SomeUsage.Text(usage)]));
        (await _app.PostAsync("/api/v1/events", Event("both-1", "both"))).ShouldBe(200);
        (await _app.GetAsync($"/api/v1/events/{usage.Id}")).ShouldBe(200).At("event.properties.model").ShouldBe("gpt-4o-mini");
        (await _app.GetAsync("/api/v1/events?external_subscription_id=both")).ShouldBe(200).At("meta.total_count").ShouldBe("2");
        (await _app.GetAsync("/api/v1/events?external_subscription_id=both&code=llm.request")).ShouldBe(200).At("meta.total_count").ShouldBe("1");
        var later = Uri.EscapeDataString(_now.AddMinutes(5).ToString("O"));
        (await _app.GetAsync($"/api/v1/events?external_subscription_id=both&timestamp_from={later}")).ShouldBe(200)["events"].GetArrayLength().ShouldBe(0);
    }

    [Fact]
    public async Task More_batches_than_may_wait_are_told_to_come_back()
    {
        await using var app = await BillingApp.StartAsync(new Dictionary<string, string?> { ["Ingest:MaxConcurrent"] = "1", ["Ingest:MaxQueued"] = "0" });
        await app.PostAsync("/api/v1/events", Event("first", "s"));
        await using var blocker = await app.OpenAsync();
        await using var transaction = await blocker.BeginTransactionAsync();
        await using (var command = blocker.CreateCommand())
        {
            command.CommandText = "lock table api_event_ids in access exclusive mode";
            await command.ExecuteNonQueryAsync();
        }
        var waiting = app.PostAsync("/api/v1/events", Event("second", "s"));
        await Eventually.TrueAsync("the first sender stands at the lock", async () => await app.ScalarAsync<long>(
            "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'") == 1);
        var refused = (await app.Gateway.SendAsync(HttpMethod.Post, "/internal/v1/usage", """{"instance":"gw"}""")).ShouldBe(429);
        refused.RetryAfter.ShouldBe(TimeSpan.FromSeconds(1));
        refused.Text.ShouldContain("too_many_batches");
        await transaction.RollbackAsync();
        (await waiting).ShouldBe(200);
    }

    private JsonObject Event(string transactionId, string subscription) => new()
    {
        ["event"] = new JsonObject
        {
            ["transaction_id"] = transactionId,
            ["external_subscription_id"] = subscription,
            ["code"] = "pages",
            ["timestamp"] = _now.ToUnixTimeSeconds(),
        },
    };

    private object Batch(params string[] ids) => new
    {
        events = ids.Select(id => new { transaction_id = id, external_subscription_id = "batch", code = "pages", timestamp = _now.ToUnixTimeSeconds(), properties = new { n = 1 } }),
    };
}
