using System.Globalization;
using System.Net;
using System.Text.Json;
using Quota.TestKit;

namespace Quota.Gateway.Tests.Providers.Ollama;

/// <summary>Ollama through a running gateway: one event each with its own numbers, refused in its words.</summary>
public sealed class OllamaCallTests : IAsyncLifetime
{
    private const string Limits = """
        - { code: month, scope: acme, meter: spend, amount: "1", window: { kind: month } }
        - { code: chats, scope: acme, meter: total_tokens, amount: "100000000", window: { kind: day }, selector: { endpoints: [chat] } }
        - { code: rpm, scope: acme/research/bob, meter: requests, amount: "1", window: { kind: rate, every: minute } }
        - { code: small, scope: acme/product, meter: output_tokens, amount: "60", window: { kind: month } }
        """;

    private LimitScene _scene = null!;

    public async ValueTask InitializeAsync() => _scene = await LimitScene.StartAsync(Limits);

    public ValueTask DisposeAsync() => _scene.DisposeAsync();

    [Theory]
    [InlineData("/api/chat", false)]
    [InlineData("/api/chat", true)]
    [InlineData("/api/generate", false)]
    [InlineData("/api/generate", true)]
    public async Task A_call_is_one_event_with_the_servers_numbers(string route, bool stream)
    {
        var words = $"hello there cached:40 reply:30 {new string('x', 200)}";
        var text = route == "/api/chat" ? $$"""
            "messages":[{"role":"user","content":"{{words}}"}]
            """ : $"\"prompt\":\"{words}\"";
        var answer = await _scene.SendAsync(route, $$"""{"model":"llama3.2:latest",{{text}}{{(stream ? "" : ",\"stream\":false")}}}""", LimitScene.Ada);
        answer.Status.ShouldBe(HttpStatusCode.OK, answer.Text);
        answer.Header("Content-Type").ShouldBe(stream ? "application/x-ndjson" : "application/json");
        FakeProvider.TokensIn(answer.Text).ShouldBe(30);
        var (it, log) = ((await _scene.Gateway.EventsAsync(1)).Single(), _scene.Provider.Served.Entries().Single());
        var usage = it.GetProperty("usage");
        (usage.GetProperty("input_tokens").GetInt64(), usage.GetProperty("cached_input_tokens").GetInt64(), usage.GetProperty("output_tokens").GetInt64()).ShouldBe((log.InputTokens, 40, 30));
        (it.GetProperty("provider").GetString(), it.GetProperty("route").GetString(), it.GetProperty("model").GetString(), it.GetProperty("status").GetString(), it.GetProperty("estimated").GetBoolean())
            .ShouldBe(("ollama", route, "llama3.2", "completed", false));
        it.GetProperty("usage_raw").GetProperty("eval_count").GetInt64().ShouldBe(30);
        var cost = (log.InputTokens - 40 + 40 * 0.5m + 30 * 2) / 1_000_000;
        decimal.Parse(it.GetProperty("cost").GetString()!, CultureInfo.InvariantCulture).ShouldBe(cost);
        await _scene.SettledAsync("month", cost);
        await _scene.SettledAsync("chats", route == "/api/chat" ? log.InputTokens + 30 : 0);
    }

    [Theory]
    [InlineData("/api/embed", "input", false)]
    [InlineData("/api/embeddings", "prompt", true)]   // it tells no counts
    public async Task Embeddings_are_input_only(string route, string field, bool isEstimated)
    {
        var answer = await _scene.SendAsync(route, $$"""{"model":"llama3.2","{{field}}":"one two three"}""", LimitScene.Ada);
        answer.Status.ShouldBe(HttpStatusCode.OK, answer.Text);
        var it = (await _scene.Gateway.EventsAsync(1)).Single();
        var (input, output) = (it.GetProperty("usage").GetProperty("input_tokens").GetInt64(), it.GetProperty("usage").GetProperty("output_tokens").GetInt64());
        (output, it.GetProperty("estimated").GetBoolean()).ShouldBe((0, isEstimated));
        if (isEstimated)
            input.ShouldBeGreaterThan(0);
        else
            input.ShouldBe(3);
    }

    [Fact]
    public async Task Without_a_bound_the_largest_that_fits_is_put_in()
    {
        var answer = await _scene.SendAsync("/api/chat", """{"model":"llama3.2","messages":[{"role":"user","content":"hello reply:5"}],"options":{"num_predict":-1}}""", LimitScene.Robot);
        (answer.Status, answer.Header("x-quota-clamped")).ShouldBe((HttpStatusCode.OK, "60"), answer.Text);
        _scene.Provider.Served.Entries().Single().Bound.ShouldBe(60);
    }

    [Fact]
    public async Task A_stream_that_breaks_off_is_counted_by_what_passed()
    {
        var answer = _scene.SendAsync("/api/chat", """{"model":"llama3.2","messages":[{"role":"user","content":"hello fault:cut reply:50"}],"options":{"num_predict":100}}""", LimitScene.Ada);
        await Record.ExceptionAsync(() => answer);   // its end is missing
        var it = (await _scene.Gateway.EventsAsync(1)).Single();
        (it.GetProperty("status").GetString(), it.GetProperty("estimated").GetBoolean()).ShouldBe(("cut_off", true));
        it.GetProperty("usage").GetProperty("output_tokens").GetInt64().ShouldBeGreaterThan(0);
        it.GetProperty("usage").GetProperty("input_tokens").GetInt64().ShouldBeGreaterThan(0);
    }

    [Fact]
    public async Task Refusals_are_in_ollamas_words()
    {
        const string body = """{"model":"llama3.2","prompt":"hello reply:40","stream":false}""";
        async Task Expect(Task<Answer> call, int status, string message)
        {
            var answer = await call;
            ((int)answer.Status).ShouldBe(status, answer.Text);
            answer.Json.GetProperty("error").GetString()!.ShouldContain(message);
        }
        await Expect(_scene.SendAsync("/api/generate", body, "qk_unknown_0123456789"), 401, "unauthorized");
        await Expect(_scene.SendAsync("/api/generate", body, LimitScene.Guest), 403, "model_not_allowed");
        await Expect(_scene.SendAsync("/api/generate", """{"model":"gpt-4o-mini","prompt":"a"}""", LimitScene.Ada), 404, "'gpt-4o-mini' not found");
        await Expect(_scene.SendAsync("/api/generate", """{"model":"llama-unpriced","prompt":"a"}""", LimitScene.Ada), 503, "price");
        await Expect(_scene.SendAsync("/api/pull", """{"model":"llama3.2"}""", LimitScene.Ada), 404, "/api/pull");
        await Expect(_scene.SendAsync("/api/generate", """{"model":"llama3.2","prompt":"a","stream":1}""", LimitScene.Ada), 400, "stream");
        await Expect(_scene.SendAsync("/api/generate", """{"model":"llama3.2","prompt":"a","options":{"num_predict":61}}""", LimitScene.Robot), 400, "more than the whole limit");
        (await _scene.SendAsync("/api/generate", body, LimitScene.Bob)).Status.ShouldBe(HttpStatusCode.OK);
        await Expect(_scene.SendAsync("/api/generate", body, LimitScene.Bob), 429, "Try again in");
        (await _scene.SendAsync("/api/generate", body, LimitScene.Robot)).Status.ShouldBe(HttpStatusCode.OK);
        await _scene.SettledAsync("small", 40);
        var spent = await _scene.SendAsync("/api/generate", """{"model":"llama3.2","prompt":"a","options":{"num_predict":50}}""", LimitScene.Robot);
        ((int)spent.Status, spent.Header("x-should-retry"), spent.Header("Retry-After"), spent.Quota.GetProperty("limit").GetString()).ShouldBe((429, "false", null, "small"));
    }

    [Fact]
    public async Task The_list_of_models_is_what_the_key_can_reach()
    {
        var answer = await _scene.GetAsync("/api/tags", ("Authorization", "Bearer " + LimitScene.Ada));
        answer.Json.GetProperty("models").EnumerateArray().Select(model => model.GetProperty("name").GetString()).ShouldBe(["llama3.2"]);
        (await _scene.GetAsync("/api/tags", ("Authorization", "Bearer " + LimitScene.Guest))).Json.GetProperty("models").GetArrayLength().ShouldBe(0);
    }
}

/// <summary>Stepwise holds on Ollama's lines.</summary>
public sealed class OllamaStepTests
{
    [Fact]
    public async Task A_stepwise_stream_ends_well_formed_where_a_step_does_not_fit()
    {
        await using var scene = await LimitScene.StartAsync(
            "- { code: steps, scope: acme, meter: output_tokens, amount: \"600\", window: { kind: month }, hold: stepwise }", ("Limits__StepTokens", "64"));
        var answer = await scene.SendAsync("/api/chat", """{"model":"llama3.2","messages":[{"role":"user","content":"hello reply:8000 chunk:20 pace:10"}],"options":{"num_predict":8000}}""", LimitScene.Ada);
        answer.Status.ShouldBe(HttpStatusCode.OK, answer.Text);
        var last = JsonElement.Parse(answer.Text.TrimEnd('\n').Split('\n')[^1]);
        (last.GetProperty("done").GetBoolean(), last.GetProperty("done_reason").GetString()).ShouldBe((true, "length"));
        var it = (await scene.Gateway.EventsAsync(1)).Single();
        it.GetProperty("status").GetString().ShouldBe("cut_off");
        var used = it.GetProperty("usage").GetProperty("output_tokens").GetInt64();
        last.GetProperty("eval_count").GetInt64().ShouldBe(used);
        await scene.SettledAsync("steps", used);
        (await scene.Provider.Served.EndOfAsync(it.GetProperty("id").GetString()!)).Ending.ShouldBe(ProviderEnding.CallerGone);
    }
}
