using System.Text.Json.Nodes;
using Quota.Shared.Usage;

namespace Quota.Billing.Tests.Ingest;

public sealed class UsageEndpointTests(SharedBillingApp shared) : IClassFixture<SharedBillingApp>
{
    private readonly BillingApp _app = shared.App;
    private readonly DateTimeOffset _now = TimeProvider.System.GetUtcNow();

    [Fact]
    public async Task Accepted_once_then_a_duplicate_and_other_bytes_are_a_conflict()
    {
        await _app.PostAsync("/api/v1/customers", new { customer = new { external_id = "acme" } });
        var usage = SomeUsage.Event(_now, input: 100);
        var text = SomeUsage.Text(usage);
        var other = SomeUsage.Text(usage with { Usage = usage.Usage with { InputTokens = 101 } });
        var spaced = text.Replace("\"seq\":1", "\"seq\": 1", StringComparison.Ordinal);

        (await _app.ShipAsync(SomeUsage.Batch([text]))).ShouldBe([(usage.Id, ShipStatus.Accepted, null)]);
        (await _app.ShipAsync(SomeUsage.Batch([text, text, other, spaced]))).Select(result => result.Status)
            .ShouldBe([ShipStatus.Duplicate, ShipStatus.Duplicate, ShipStatus.Conflict, ShipStatus.Conflict]);
        (await _app.ShipAsync(SomeUsage.Batch([other, spaced]))).ShouldAllBe(result => result.Status == ShipStatus.Conflict);

        (await CountAsync($"usage_events where id = '{usage.Id}'")).ShouldBe(1);
        (await CountAsync($"event_conflicts where id = '{usage.Id}'")).ShouldBe(2, "a replayed conflict adds nothing");
        (await CountAsync($"events e join customers c on c.id = e.customer_id and c.external_id = 'acme' where e.id = '{usage.Id}'")).ShouldBe(1);

        var properties = JsonNode.Parse(await _app.ScalarAsync<string>($"select properties from usage_events where id = '{usage.Id}'"))!.AsObject();
        properties["input_tokens"]!.GetValue<long>().ShouldBe(100);
        properties["requests"]!.GetValue<long>().ShouldBe(1);
        properties["team"]!.GetValue<string>().ShouldBe("research");
        properties["cost"]!.GetValue<string>().ShouldBe("0.00000123");
        properties.ContainsKey("user").ShouldBeFalse();
    }

    [Fact]
    public async Task Units_tags_and_counters_are_kept()
    {
        await _app.PostAsync("/api/v1/customers", new { customer = new { external_id = "acme" } });
        var before = await _app.ScalarAsync<long>("select coalesce(sum(events), 0)::bigint from usage_versions");
        var usage = SomeUsage.Event(_now) with
        {
            Usage = new UsageCounts { Requests = 1, Images = 2, Seconds = 3, Characters = 4, BytesIn = 5, InputTokens = 8, CacheWriteTokens = 7, CacheWrite1hTokens = 6, BytesOut = 9, AudioInputTokens = 10, AudioOutputTokens = 11, ImageTokens = 12, ImageOutputTokens = 13, ToolCalls = new Dictionary<string, long> { ["web_search"] = 14 } },
            ServiceTier = "flex", RequestedModel = "fast", CostSource = UsageEvent.OfProvider, Spend = "0.5",
            Tags = new Dictionary<string, string> { ["app"] = "chat \"x\"" },
            Counted = ["0123456789abcdef0123456789abcdef", "f123456789abcdef0123456789abcdef"],
        };
        var (text, other) = (SomeUsage.Text(usage), SomeUsage.Event(_now) with { Org = "nobody" });
        await _app.ShipAsync(SomeUsage.Batch([text, SomeUsage.Text(other)]));
        await _app.ShipAsync(SomeUsage.Batch([text]));
        var properties = JsonNode.Parse(await _app.ScalarAsync<string>($"select properties from usage_events where id = '{usage.Id}'"))!.AsObject();
        foreach (var (name, count) in new[] { ("images", 2), ("seconds", 3), ("characters", 4), ("bytes_in", 5), ("cache_write_tokens", 7), ("cache_write_1h_tokens", 6), ("bytes_out", 9), ("audio_input_tokens", 10), ("audio_output_tokens", 11), ("image_tokens", 12), ("image_output_tokens", 13), ("tool_calls.web_search", 14) })
            properties[name]!.GetValue<long>().ShouldBe(count);
        foreach (var (name, word) in new[] { ("service_tier", "flex"), ("requested_model", "fast"), ("cost_source", "provider"), ("spend", "0.5") })
            properties[name]!.GetValue<string>().ShouldBe(word);
        properties["tags"]!["app"]!.GetValue<string>().ShouldBe("chat \"x\"");
        (properties["route"]!.GetValue<string>(), properties["currency"]!.GetValue<string>()).ShouldBe(("/v1/chat/completions", "USD"));
        (await _app.ScalarAsync<Guid[]>($"select counted from usage_events where id = '{usage.Id}'")).Select(counter => counter.ToString("N")).ShouldBe(usage.Counted);
        (await _app.ScalarAsync<bool>($"select counted is null from usage_events where id = '{other.Id}'")).ShouldBeTrue();
        var plain = await _app.ScalarAsync<string>($"select properties from usage_events where id = '{other.Id}'");
        plain.ShouldNotContain("images");
        plain.ShouldNotContain("cache_write_1h_tokens");
        (await _app.ScalarAsync<long>("select sum(events)::bigint from usage_versions")).ShouldBe(before + 1, "new events of known customers only");
    }

    [Fact]
    public async Task Within_a_batch_the_first_counts()
    {
        var usage = SomeUsage.Event(_now);
        var (text, other) = (SomeUsage.Text(usage), SomeUsage.Text(usage with { Seq = 2 }));
        (await _app.ShipAsync(SomeUsage.Batch([text, other, text]))).Select(result => result.Status)
            .ShouldBe([ShipStatus.Accepted, ShipStatus.Conflict, ShipStatus.Duplicate]);
    }

    [Fact]
    public async Task A_bad_event_is_rejected_with_a_reason_and_stops_nothing()
    {
        var good = SomeUsage.Event(_now);
        var text = SomeUsage.Text(good);
        var bad = new (string Text, string Reason)[]
        {
            ("5", "JSON object"),
            ("{}", "not a usage event"),
            (SomeUsage.Text(good with { Id = new Guid("0f8fad5b-d9cb-469f-a165-70867728950e") }), "UUIDv7"),
            (SomeUsage.Text(SomeUsage.Event(_now) with { At = _now.AddDays(1).AddMinutes(1) }), "a day"),
            (SomeUsage.Text(SomeUsage.Event(_now) with { Source = "me" }), "source"),
            (SomeUsage.Text(SomeUsage.Event(_now) with { Status = "fine" }), "status"),
            (SomeUsage.Text(SomeUsage.Event(_now) with { Usage = new UsageCounts { InputTokens = -1 } }), "between 0"),
            (SomeUsage.Text(SomeUsage.Event(_now) with { Usage = new UsageCounts { InputTokens = long.MaxValue } }), "between 0"),
            (SomeUsage.Text(SomeUsage.Event(_now) with { Usage = new UsageCounts { Images = -1 } }), "between 0"),
            (SomeUsage.Text(SomeUsage.Event(_now) with { Usage = new UsageCounts { CacheWrite1hTokens = -1 } }), "between 0"),
            (SomeUsage.Text(SomeUsage.Event(_now) with { Usage = new UsageCounts { ImageOutputTokens = -1 } }), "between 0"),
            (SomeUsage.Text(SomeUsage.Event(_now) with { Usage = new UsageCounts { ToolCalls = new Dictionary<string, long> { ["a"] = -1 } } }), "between 0"),
            (SomeUsage.Text(SomeUsage.Event(_now) with { Usage = new UsageCounts { ToolCalls = new Dictionary<string, long> { ["a\0"] = 1 } } }), "tool_calls"),
            (SomeUsage.Text(SomeUsage.Event(_now) with { ServiceTier = new string('t', 256) }), "service_tier"),
            (SomeUsage.Text(SomeUsage.Event(_now) with { Spend = "dear" }), "spend"),
            (SomeUsage.Text(SomeUsage.Event(_now) with { Counted = [new string('c', 256)] }), "counted"),
            (SomeUsage.Text(SomeUsage.Event(_now) with { Counted = [null!] }), "counted"),
            (SomeUsage.Text(SomeUsage.Event(_now) with { Tags = new Dictionary<string, string> { ["a"] = "b\0" } }), "tags"),
            (SomeUsage.Text(SomeUsage.Event(_now) with { Tags = new Dictionary<string, string> { ["a"] = null! } }), "tags"),
            (SomeUsage.Text(SomeUsage.Event(_now) with { Model = new string('m', 256) }), "model"),
            (SomeUsage.Text(SomeUsage.Event(_now) with { Team = "a\0b" }), "team"),
            (SomeUsage.Text(SomeUsage.Event(_now) with { Org = "" }), "org is missing"),
            (SomeUsage.Text(SomeUsage.Event(_now) with { Cost = "1,5" }), "cost"),
            (text.Replace("\"org\":\"acme\"", "\"org\":null", StringComparison.Ordinal), "org is missing"),
            (text.Replace("\"org\":\"acme\"", "\"org\":\"\\ud800\"", StringComparison.Ordinal), "not a usage event"),
            (text.Replace("\"seq\":1", "\"seq\":99999999999999999999", StringComparison.Ordinal), "not a usage event"),
            (text.Replace("\"usage\":{", "\"usage\":null,\"u\":{", StringComparison.Ordinal), "usage is missing"),
            (text.Replace("\"org\"", "\"pad\":\"" + new string('x', 256 * 1024) + "\",\"org\"", StringComparison.Ordinal), "bytes"),
        };
        var results = await _app.ShipAsync(SomeUsage.Batch([.. bad.Select(one => one.Text), text]));
        results.Count.ShouldBe(bad.Length + 1);
        foreach (var ((_, status, reason), (_, expected)) in results.Zip(bad))
        {
            status.ShouldBe(ShipStatus.Rejected);
            reason.ShouldNotBeNull().ShouldContain(expected);
        }
        results[^1].ShouldBe((good.Id, ShipStatus.Accepted, null));
        results[23].Id.ShouldBe(good.Id, "a rejected event is named, so that its sender can set it aside");
    }

    [Fact]
    public async Task The_envelope_is_checked_and_bounded()
    {
        (await Ship("""{"events":{},"watermark":"now"}""")).ShouldBe(422)["error_details"].EnumerateObject()
            .Select(property => property.Name).Order().ShouldBe(["events", "instance", "watermark"]);
        (await Ship("""{"instance":"gw","events":[""" + string.Join(',', Enumerable.Repeat("0", 10_001)) + "]}")).ShouldBe(422)
            .At("error_details.events.0").ShouldBe("too_many_events");
        (await Ship("[]")).ShouldBe(400);
        (await Ship("""{"instance":"gw"}""")).ShouldBe(200).Text.ShouldBe("""{"results":[]}""");
    }

    [Fact]
    public async Task Settled_amounts_are_written_once()
    {
        var usage = SomeUsage.Event(_now);
        string Settled(string spend) => $$"""[{"id":"{{usage.Id}}","spend":"{{spend}}","currency":"USD"},{"id":"no-id","spend":"1"},{"id":"{{Guid.Empty}}","spend":"-"}]""";
        await _app.ShipAsync(SomeUsage.Batch([SomeUsage.Text(usage)], settled: Settled("0.000000123")));
        await _app.ShipAsync(SomeUsage.Batch([], settled: Settled("7")));
        (await _app.ScalarAsync<decimal>($"select spend from settled_spend where id = '{usage.Id}'")).ShouldBe(0.000000123m);
    }

    [Fact]
    public async Task The_watermark_of_a_gateway_is_kept()
    {
        await _app.ShipAsync(SomeUsage.Batch([], "gw-water", _now));
        await _app.ShipAsync(SomeUsage.Batch([], "gw-water"));
        var stored = await _app.ScalarAsync<DateTime>("select watermark from gateways where instance = 'gw-water'");
        (stored - _now.UtcDateTime).Duration().ShouldBeLessThan(TimeSpan.FromMilliseconds(1));
    }

    [Fact]
    public async Task Months_near_now_get_a_partition_and_others_the_default()
    {
        var far = _now.AddYears(-5);
        (await _app.ShipAsync(SomeUsage.Batch([SomeUsage.Text(SomeUsage.Event(_now.AddMonths(-2))), SomeUsage.Text(SomeUsage.Event(far))])))
            .ShouldAllBe(result => result.Status == ShipStatus.Accepted);
        (await CountAsync($"usage_events_{_now.AddMonths(-2):yyyy_MM}")).ShouldBeGreaterThan(0);
        (await CountAsync($"gateway_event_ids_{_now.AddMonths(-2):yyyy_MM}")).ShouldBeGreaterThan(0);
        (await CountAsync("usage_events_other")).ShouldBe(1);
        (await CountAsync("gateway_event_ids_other")).ShouldBe(1);
    }

    [Fact]
    public async Task An_event_may_lie_across_a_month_from_its_id()
    {
        var midnight = new DateTimeOffset(_now.Year, _now.Month, 1, 0, 0, 0, TimeSpan.Zero);
        var usage = SomeUsage.Event(midnight.AddMilliseconds(-1)) with { At = midnight.AddMilliseconds(1) };
        (await _app.ShipAsync(SomeUsage.Batch([SomeUsage.Text(usage)]))).Single().Status.ShouldBe(ShipStatus.Accepted);
        (await _app.ShipAsync(SomeUsage.Batch([SomeUsage.Text(usage)]))).Single().Status.ShouldBe(ShipStatus.Duplicate);
    }

    private Task<JsonAnswer> Ship(string body) => _app.Gateway.SendAsync(HttpMethod.Post, "/internal/v1/usage", body);

    private Task<long> CountAsync(string from) => _app.ScalarAsync<long>($"select count(*) from {from}");
}
