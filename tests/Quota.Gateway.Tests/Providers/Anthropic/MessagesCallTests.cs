using System.Net;
using System.Text.Json;
using Quota.TestKit;

namespace Quota.Gateway.Tests.Providers.Anthropic;

/// <summary>Messages through a running gateway: one event each with the provider's own numbers, priced, counted, refused in Anthropic's words.</summary>
public sealed class MessagesCallTests : IAsyncLifetime
{
    private const string Limits = """
        - { code: month, scope: acme, meter: spend, amount: "1", window: { kind: month } }
        - { code: tokens, scope: acme, meter: total_tokens, amount: "100000000", window: { kind: day } }
        - { code: rpm, scope: acme/research/bob, meter: requests, amount: "1", window: { kind: rate, every: minute } }
        - { code: small, scope: acme/product, meter: spend, amount: "0.0002", window: { kind: month } }
        """;

    private LimitScene _scene = null!;

    public async ValueTask InitializeAsync() => _scene = await LimitScene.StartAsync(Limits);

    public ValueTask DisposeAsync() => _scene.DisposeAsync();

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_call_is_one_event_with_all_input_and_its_price(bool stream)
    {
        // 1000 tokens read from the cache; two words written for minutes, three for an hour; 7 tokens out.
        const string blocks = """
            ,"max_tokens":50,"system":[{"type":"text","text":"two words","cache_control":{"type":"ephemeral"}},{"type":"text","text":"three words more","cache_control":{"type":"ephemeral","ttl":"1h"}}]
            """;
        var answer = await _scene.MessageAsync(LimitScene.Ada, $"cached:1000 reply:7 {new string('x', 1200)}", blocks + (stream ? ",\"stream\":true" : ""));
        answer.Status.ShouldBe(HttpStatusCode.OK, answer.Text);
        (stream ? answer.Text.Contains("event: message_stop", StringComparison.Ordinal) : answer.Json.GetProperty("stop_reason").GetString() == "end_turn").ShouldBeTrue();
        var it = (await _scene.Gateway.EventsAsync(1)).Single();
        var (usage, log) = (it.GetProperty("usage"), _scene.Provider.Served.Entries().Single());
        (it.GetProperty("provider").GetString(), it.GetProperty("route").GetString(), it.GetProperty("model").GetString(), it.GetProperty("status").GetString())
            .ShouldBe(("anthropic", "/v1/messages", "claude-cached", "completed"));
        it.GetProperty("estimated").GetBoolean().ShouldBeFalse();
        it.GetProperty("provider_request_id").GetString()!.ShouldStartWith("req_");
        long Count(string field) => usage.GetProperty(field).GetInt64();
        (Count("input_tokens"), Count("cached_input_tokens"), Count("cache_write_tokens"), Count("cache_write_1h_tokens"), Count("output_tokens"))
            .ShouldBe((log.InputTokens, 1000, 5, 3, 7));
        var uncached = log.InputTokens - 1005;
        var micros = uncached + 1000 * 0.1m + 2 * 1.25m + 3 * 2m + 7 * 2m;
        decimal.Parse(it.GetProperty("cost").GetString()!, System.Globalization.CultureInfo.InvariantCulture).ShouldBe(micros / 1_000_000);
        await _scene.SettledAsync("month", micros / 1_000_000);
        await _scene.SettledAsync("tokens", log.InputTokens + 7);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Searches_are_counted_and_priced_each(bool stream)
    {
        const string tools = """
            ,"max_tokens":50,"service_tier":"auto","tools":[{"type":"web_search_20250305","name":"web_search","max_uses":3}]
            """;
        var answer = await _scene.MessageAsync(LimitScene.Ada, "hello reply:7", tools + (stream ? ",\"stream\":true" : ""));
        answer.Status.ShouldBe(HttpStatusCode.OK, answer.Text);
        var it = (await _scene.Gateway.EventsAsync(1)).Single();
        it.GetProperty("usage").GetProperty("tool_calls").GetProperty("web_search").GetInt64().ShouldBe(3);
        it.GetProperty("service_tier").GetString().ShouldBe("standard");
        // Held: the whole window of 200,000 tokens at the price of a cache write, 50 tokens out, three searches; used: 2 tokens in, 7 out, three searches.
        decimal Amount(string field) => decimal.Parse(it.GetProperty(field).GetString()!, System.Globalization.CultureInfo.InvariantCulture);
        (Amount("held"), Amount("cost")).ShouldBe((0.25m + 0.0001m + 0.03m, 0.000002m + 0.000014m + 0.03m));
        await _scene.SettledAsync("month", 0.030016m);
        await Refused("claude-plain", tools, 503, "cache");   // which has no price there, nor have searches
        await Refused("claude-cached", tools.Replace(",\"max_uses\":3", "", StringComparison.Ordinal), 400, "max_uses");

        async Task Refused(string model, string more, int status, string why)
        {
            var refused = await _scene.MessageAsync(LimitScene.Ada, more: more, model: model);
            ((int)refused.Status, refused.Json.GetProperty("error").GetProperty("message").GetString()!.Contains(why, StringComparison.Ordinal)).ShouldBe((status, true), refused.Text);
        }
    }

    [Fact]
    public async Task Headers_say_where_the_limits_stand_as_anthropics_do()
    {
        var answer = await _scene.MessageAsync(LimitScene.Ada);
        answer.Header("anthropic-ratelimit-tokens-limit").ShouldBe("100000000");
        DateTimeOffset.Parse(answer.Header("anthropic-ratelimit-tokens-reset")!, System.Globalization.CultureInfo.InvariantCulture).ShouldBeGreaterThan(DateTimeOffset.UnixEpoch);
        answer.Header("x-ratelimit-limit-tokens").ShouldBeNull();
        answer.Header("RateLimit").ShouldNotBeNull();
    }

    [Fact]
    public async Task A_stream_that_breaks_off_is_counted_by_what_it_told_and_what_passed()
    {
        var answer = _scene.MessageAsync(LimitScene.Ada, "hello fault:cut reply:50", ",\"max_tokens\":100,\"stream\":true");
        await Record.ExceptionAsync(() => answer);   // its end is missing
        var it = (await _scene.Gateway.EventsAsync(1)).Single();
        it.GetProperty("status").GetString().ShouldBe("cut_off");
        it.GetProperty("estimated").GetBoolean().ShouldBeTrue();
        it.GetProperty("usage").GetProperty("input_tokens").GetInt64().ShouldBe(_scene.Provider.Served.Entries().Single().InputTokens);
        it.GetProperty("usage").GetProperty("output_tokens").GetInt64().ShouldBeGreaterThan(0);
    }

    [Fact]
    public async Task Counting_tokens_is_passed_on_for_a_valid_key_and_costs_nothing()
    {
        const string route = "/v1/messages/count_tokens";
        var counted = await _scene.MessageAsync(LimitScene.Ada, "one two three", more: "", route: route);
        (counted.Status, counted.Json.GetProperty("input_tokens").GetInt64()).ShouldBe((HttpStatusCode.OK, 3));
        counted.Header("x-request-id").ShouldNotBeNull();
        ((int)(await _scene.MessageAsync("qk_unknown_0123456789", more: "", route: route)).Status).ShouldBe(401);
        ((int)(await _scene.MessageAsync(LimitScene.Guest, more: "", route: route)).Status).ShouldBe(403);   // it may use claude-p* only
        (await _scene.MessageAsync(LimitScene.Ada)).Status.ShouldBe(HttpStatusCode.OK);
        (await _scene.Gateway.EventsAsync(1)).Single().GetProperty("route").GetString().ShouldBe("/v1/messages");   // and no event of the count before it
    }

    [Fact]
    public async Task Refusals_are_in_anthropics_words()
    {
        async Task Expect(Task<Answer> call, int status, string type, string message)
        {
            var answer = await call;
            ((int)answer.Status).ShouldBe(status, answer.Text);
            answer.Header("request-id").ShouldBe(answer.Header("x-request-id"));
            answer.Json.GetProperty("type").GetString().ShouldBe("error");
            answer.Json.GetProperty("error").GetProperty("type").GetString().ShouldBe(type);
            answer.Json.GetProperty("error").GetProperty("message").GetString()!.ShouldContain(message);
        }
        await Expect(_scene.MessageAsync("qk_unknown_0123456789"), 401, "authentication_error", "x-api-key");
        await Expect(_scene.MessageAsync(LimitScene.Ada, model: "claude-nobody"), 503, "api_error", "price");
        await Expect(_scene.MessageAsync(LimitScene.Ada, model: "gpt-4o-mini"), 404, "not_found_error", "gpt-4o-mini");
        await Expect(_scene.MessageAsync(LimitScene.Ada, more: ""), 400, "invalid_request_error", "max_tokens: Field required");
        await Expect(_scene.MessageAsync(LimitScene.Ada, route: "/v1/messages/batches"), 404, "not_found_error", "/v1/messages/batches");
        await Expect(_scene.MessageAsync(LimitScene.Ada, model: "claude-plain", more: ",\"max_tokens\":5,\"cache_control\":{\"type\":\"ephemeral\"}"), 503, "api_error", "write to a cache");
        (await _scene.MessageAsync(LimitScene.Bob)).Status.ShouldBe(HttpStatusCode.OK);
        await Expect(_scene.MessageAsync(LimitScene.Bob), 429, "rate_limit_error", "Try again in");
        await Expect(_scene.MessageAsync(LimitScene.Robot, more: ",\"max_tokens\":60000"), 400, "invalid_request_error", "more than the whole limit");
        (await _scene.MessageAsync(LimitScene.Robot, "hello reply:40", ",\"max_tokens\":40")).Status.ShouldBe(HttpStatusCode.OK);
        await _scene.SettledAsync("small", 0.000082m);
        var spent = await _scene.MessageAsync(LimitScene.Robot, more: ",\"max_tokens\":30");
        ((int)spent.Status, spent.Json.GetProperty("error").GetProperty("type").GetString()).ShouldBe((402, "billing_error"));
        (spent.Header("x-should-retry"), spent.Header("Retry-After")).ShouldBe(("false", null));
        spent.Quota.GetProperty("limit").GetString().ShouldBe("small");
    }
}

/// <summary>Stepwise holds on Messages.</summary>
public sealed class MessagesStepTests
{
    [Fact]
    public async Task A_stepwise_stream_ends_well_formed_where_a_step_does_not_fit()
    {
        await using var scene = await LimitScene.StartAsync(
            "- { code: steps, scope: acme, meter: output_tokens, amount: \"600\", window: { kind: month }, hold: stepwise }", ("Limits__StepTokens", "64"));
        var answer = await scene.MessageAsync(LimitScene.Ada, "hello reply:16000 chunk:20 pace:10", ",\"stream\":true,\"max_tokens\":16000");
        answer.Status.ShouldBe(HttpStatusCode.OK, answer.Text);
        var events = answer.Text.Split("\n\n", StringSplitOptions.RemoveEmptyEntries).Select(it => JsonElement.Parse(it[(it.IndexOf("data: ", StringComparison.Ordinal) + 6)..])).ToArray();
        events[^1].GetProperty("type").GetString().ShouldBe("message_stop");
        events[^2].GetProperty("delta").GetProperty("stop_reason").GetString().ShouldBe("max_tokens");
        events[^3].GetProperty("type").GetString().ShouldBe("content_block_stop");
        var it = (await scene.Gateway.EventsAsync(1)).Single();
        it.GetProperty("status").GetString().ShouldBe("cut_off");
        var used = it.GetProperty("usage").GetProperty("output_tokens").GetInt64();
        events[^2].GetProperty("usage").GetProperty("output_tokens").GetInt64().ShouldBe(used);
        await scene.SettledAsync("steps", used);
        (await scene.Provider.Served.EndOfAsync(it.GetProperty("id").GetString()!)).Ending.ShouldBe(ProviderEnding.CallerGone);
    }
}
