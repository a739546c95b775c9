using System.Net;
using System.Text;
using System.Text.Json;
using Quota.TestKit;

namespace Quota.Gateway.Tests.Providers.Gemini;

/// <summary>Gemini through a running gateway: one event each with the provider's own numbers, priced, counted, refused in Google's words.</summary>
public sealed class GeminiCallTests : IAsyncLifetime
{
    private const string Limits = """
        - { code: month, scope: acme, meter: spend, amount: "1", window: { kind: month } }
        - { code: tokens, scope: acme, meter: total_tokens, amount: "100000000", window: { kind: day } }
        - { code: rpm, scope: acme/research/bob, meter: requests, amount: "1", window: { kind: rate, every: minute } }
        - { code: small, scope: acme/product, meter: spend, amount: "0.0003", window: { kind: month } }
        """;

    private const string Root = "/v1beta/models/gemini-2.5-flash";

    private LimitScene _scene = null!;

    public async ValueTask InitializeAsync() => _scene = await LimitScene.StartAsync(Limits);

    public ValueTask DisposeAsync() => _scene.DisposeAsync();

    [Theory]
    [InlineData(":generateContent", "/v1beta")]
    [InlineData(":streamGenerateContent?alt=sse", "/v1beta")]
    [InlineData(":streamGenerateContent", "/v1beta")]
    [InlineData(":streamGenerateContent?alt=sse", "/v1")]
    public async Task A_call_is_one_event_with_all_input_all_output_and_its_price(string method, string version)
    {
        // 1000 tokens from the cache; 30 tokens out, 12 of them thoughts.
        var answer = await CallAsync($"cached:1000 reply:30 {new string('x', 1200)}", ",\"maxOutputTokens\":50,\"thinkingConfig\":{\"thinkingBudget\":12}", method: method, root: version + "/models/gemini-2.5-flash");
        answer.Status.ShouldBe(HttpStatusCode.OK, answer.Text);
        FakeProvider.TokensIn(answer.Text).ShouldBe(30);
        answer.Header("Content-Type")!.ShouldStartWith(method.EndsWith("sse", StringComparison.Ordinal) ? "text/event-stream" : "application/json");
        if (method == ":streamGenerateContent")
            answer.Json.EnumerateArray().Last().GetProperty("usageMetadata").GetProperty("candidatesTokenCount").GetInt32().ShouldBe(18);
        var it = (await _scene.Gateway.EventsAsync(1)).Single();
        var (usage, log) = (it.GetProperty("usage"), _scene.Provider.Served.Entries().Single());
        (Text(it, "provider"), Text(it, "route"), Text(it, "model"), Text(it, "response_model"), Text(it, "status"))
            .ShouldBe(("gemini", $"{version}/models/{{model}}{method.Split('?')[0]}", "gemini-2.5-flash", "gemini-2.5-flash", "completed"));
        (it.GetProperty("estimated").GetBoolean(), it.GetProperty("stream").GetBoolean()).ShouldBe((false, method.StartsWith(":stream", StringComparison.Ordinal)));
        long Count(string field) => usage.GetProperty(field).GetInt64();
        (Count("input_tokens"), Count("cached_input_tokens"), Count("output_tokens"), Count("reasoning_tokens")).ShouldBe((log.InputTokens, 1000, log.OutputTokens, 12));
        log.OutputTokens.ShouldBe(30);
        var micros = log.InputTokens - 1000 + 1000 * 0.25m + 30 * 2m;
        decimal.Parse(Text(it, "cost")!, System.Globalization.CultureInfo.InvariantCulture).ShouldBe(micros / 1_000_000);
        await _scene.SettledAsync("month", micros / 1_000_000);
        await _scene.SettledAsync("tokens", log.InputTokens + 30);
    }

    [Theory]
    [InlineData("embedContent", "gemini-embedding-001", true)]
    [InlineData("embedContent", "gemini-embedding-2", false)]
    [InlineData("batchEmbedContents", "gemini-embedding-2", false)]
    public async Task Embeddings_are_counted_by_what_they_say_else_by_estimate(string method, string model, bool isEstimate)
    {
        var content = $$$"""{"model":"models/{{{model}}}","content":{"parts":[{"text":"one two three"}]}}""";
        var body = method == "embedContent" ? content : $$"""{"requests":[{{content}},{{content}}]}""";
        var answer = await _scene.SendAsync($"/v1beta/models/{model}:{method}", body, LimitScene.Ada);
        answer.Status.ShouldBe(HttpStatusCode.OK, answer.Text);
        var it = (await _scene.Gateway.EventsAsync(1)).Single();
        var expected = isEstimate ? (body.Length + 3) / 4 : _scene.Provider.Served.Entries().Single().InputTokens;
        (it.GetProperty("estimated").GetBoolean(), it.GetProperty("usage").GetProperty("input_tokens").GetInt64(), it.GetProperty("usage").GetProperty("output_tokens").GetInt64()).ShouldBe((isEstimate, expected, 0));
        await _scene.SettledAsync("tokens", expected);
    }

    [Theory]
    [InlineData(":streamGenerateContent?alt=sse")]
    [InlineData(":streamGenerateContent")]
    public async Task A_stream_that_breaks_off_is_counted_by_what_it_told(string method)
    {
        await Record.ExceptionAsync(() => CallAsync("hello fault:cut chunk:10 reply:50", ",\"maxOutputTokens\":100", method: method));   // its end is missing
        var it = (await _scene.Gateway.EventsAsync(1)).Single();
        var log = _scene.Provider.Served.Entries().Single();
        (Text(it, "status"), it.GetProperty("estimated").GetBoolean(), it.GetProperty("usage").GetProperty("input_tokens").GetInt64()).ShouldBe(("cut_off", true, log.InputTokens));
        it.GetProperty("usage").GetProperty("output_tokens").GetInt64().ShouldBeInRange(log.OutputTokens, 100);
    }

    [Theory]
    [InlineData("fault:500", 500, "failed")]
    [InlineData("fault:429", 429, "failed")]
    [InlineData("fault:no-usage", 200, "completed")]
    public async Task Faults_of_the_provider_are_passed_on_and_written_down(string fault, int status, string outcome)
    {
        var answer = await CallAsync($"hello {fault} reply:40", ",\"maxOutputTokens\":100", method: ":streamGenerateContent?alt=sse");
        ((int)answer.Status).ShouldBe(status);
        var it = (await _scene.Gateway.EventsAsync(1)).Single();
        Text(it, "status").ShouldBe(outcome);
        var output = it.GetProperty("usage").GetProperty("output_tokens").GetInt64();
        (status == 200 ? output > 0 && it.GetProperty("estimated").GetBoolean() : output == 0).ShouldBeTrue();
    }

    [Fact]
    public async Task Counting_tokens_is_passed_on_for_a_valid_key_and_costs_nothing()
    {
        var counted = await CallAsync("one two three", method: ":countTokens");
        (counted.Status, counted.Json.GetProperty("totalTokens").GetInt32()).ShouldBe((HttpStatusCode.OK, 3));
        ((int)(await CallAsync("one", key: LimitScene.Guest, method: ":countTokens")).Status).ShouldBe(403);
        (await CallAsync("one reply:1")).Status.ShouldBe(HttpStatusCode.OK);
        Text((await _scene.Gateway.EventsAsync(1)).Single(), "route")!.ShouldEndWith(":generateContent");   // and no event of the count before it
    }

    [Fact]
    public async Task Keys_come_as_googles_clients_send_them_and_go_no_further()
    {
        using var http = new HttpClient(new SocketsHttpHandler { UseProxy = false });
        foreach (var (query, header) in new[] { ($"?key={LimitScene.Ada}", null), ("", LimitScene.Ada), ("?key=qk_unknown_0123456789", null) })
        {
            using var request = new HttpRequestMessage(HttpMethod.Post, _scene.Gateway.Url + Root + ":generateContent" + query) { Content = new StringContent(Body("hello reply:1", ""), Encoding.UTF8, "application/json") };
            if (header is not null)
                request.Headers.Add("x-goog-api-key", header);
            using var response = await http.SendAsync(request);
            ((int)response.StatusCode).ShouldBe(query.Contains("unknown", StringComparison.Ordinal) ? 401 : 200);   // the stand-in takes its own credential alone
        }
    }

    [Fact]
    public async Task Models_are_listed_in_googles_words_where_its_clients_ask()
    {
        var list = await _scene.GetAsync("/v1beta/models", ("x-goog-api-key", LimitScene.Ada));
        list.Json.GetProperty("models").EnumerateArray().Select(it => Text(it, "name")).ShouldBe(["models/gemini-2.5-flash", "models/gemini-embedding-001", "models/gemini-embedding-2"]);
        Text((await _scene.GetAsync("/v1/models/gemini-2.5-flash", ("x-goog-api-key", LimitScene.Ada))).Json, "name").ShouldBe("models/gemini-2.5-flash");
        Text((await _scene.GetAsync("/v1beta/models/nobody", ("x-goog-api-key", LimitScene.Ada))).Json.GetProperty("error"), "status").ShouldBe("NOT_FOUND");
        (await _scene.GetAsync("/v1/models", ("Authorization", "Bearer " + LimitScene.Ada))).Json.TryGetProperty("data", out _).ShouldBeTrue();   // OpenAI's, as before
    }

    [Fact]
    public async Task Refusals_are_in_googles_words()
    {
        async Task<JsonElement> Expect(Task<Answer> call, int code, string status, string message, string? detail)
        {
            var answer = await call;
            ((int)answer.Status).ShouldBe(code, answer.Text);
            var error = answer.Json.GetProperty("error");
            (error.GetProperty("code").GetInt32(), Text(error, "status")).ShouldBe((code, status));
            Text(error, "message")!.ShouldContain(message);
            if (detail is null)
                error.TryGetProperty("details", out _).ShouldBeFalse();
            else
                Text(error.GetProperty("details").EnumerateArray().Single(), "@type").ShouldBe("type.googleapis.com/google.rpc." + detail);
            return detail is null ? default : error.GetProperty("details")[0];
        }
        await Expect(CallAsync(key: "qk_unknown_0123456789"), 401, "UNAUTHENTICATED", "API key not valid", "ErrorInfo");
        await Expect(CallAsync(key: LimitScene.Guest), 403, "PERMISSION_DENIED", "model_not_allowed", "ErrorInfo");
        await Expect(CallAsync(root: "/v1beta/models/nobody"), 404, "NOT_FOUND", "models/nobody", "ErrorInfo");
        await Expect(CallAsync(root: "/v1beta/models/gemini-unpriced"), 503, "UNAVAILABLE", "price", "RetryInfo");
        await Expect(CallAsync(method: ":predict"), 404, "NOT_FOUND", ":predict", null);
        var field = await Expect(CallAsync(config: ",\"maxOutputTokens\":0"), 400, "INVALID_ARGUMENT", "generationConfig.maxOutputTokens", "BadRequest");
        Text(field.GetProperty("fieldViolations")[0], "field").ShouldBe("generationConfig.maxOutputTokens");
        (await CallAsync(key: LimitScene.Bob)).Status.ShouldBe(HttpStatusCode.OK);
        var wait = await Expect(CallAsync(key: LimitScene.Bob), 429, "RESOURCE_EXHAUSTED", "Try again in", "RetryInfo");
        Text(wait, "retryDelay")!.ShouldMatch("^[1-9][0-9]?s$");
        await Expect(CallAsync(key: LimitScene.Robot, config: ",\"maxOutputTokens\":60000"), 400, "INVALID_ARGUMENT", "more than the whole limit", "ErrorInfo");
        (await CallAsync("hello reply:40", ",\"maxOutputTokens\":40", LimitScene.Robot)).Status.ShouldBe(HttpStatusCode.OK);
        await _scene.SettledAsync("small", 0.000082m);
        await Expect(CallAsync("hello", ",\"maxOutputTokens\":60", LimitScene.Robot), 429, "RESOURCE_EXHAUSTED", "small", "ErrorInfo");
        var spent = await CallAsync("hello", ",\"maxOutputTokens\":60", LimitScene.Robot);
        (spent.Header("x-should-retry"), spent.Header("Retry-After"), spent.Quota.GetProperty("limit").GetString()).ShouldBe(("false", null, "small"));
    }

    private static string Body(string words, string config) => $$$"""{"contents":[{"role":"user","parts":[{"text":"{{{words}}}"}]}],"generationConfig":{"temperature":1{{{config}}}}}""";

    private static string? Text(JsonElement parent, string field) => parent.GetProperty(field).GetString();

    private Task<Answer> CallAsync(string words = "hello reply:5", string config = ",\"maxOutputTokens\":10", string key = LimitScene.Ada, string method = ":generateContent", string root = Root) =>
        _scene.SendAsync(root + method, method == ":countTokens" ? """{"contents":[{"parts":[{"text":"W"}]}]}""".Replace("W", words, StringComparison.Ordinal) : Body(words, config), key);
}

/// <summary>Bounds that are put in, and stepwise holds.</summary>
public sealed class GeminiBoundTests
{
    private const string Body = """{"contents":[{"parts":[{"text":"hello reply:5"}]}]}""";

    [Theory]
    [InlineData(Body)]
    [InlineData("""{"generation_config":{"top_k":3},"contents":[{"parts":[{"text":"hello reply:5"}]}]}""")]
    public async Task Without_a_bound_the_largest_that_fits_is_put_in(string body)
    {
        await using var scene = await LimitScene.StartAsync("- { code: out, scope: acme, meter: output_tokens, amount: \"700\", window: { kind: day } }");
        var answer = await scene.SendAsync("/v1beta/models/gemini-2.5-flash:generateContent", body, LimitScene.Ada);
        (answer.Status, answer.Header("x-quota-clamped")).ShouldBe((HttpStatusCode.OK, "700"));
        scene.Provider.Served.Entries().Single().Bound.ShouldBe(700);
    }

    [Theory]
    [InlineData("?alt=sse")]
    [InlineData("")]
    public async Task A_stepwise_stream_ends_well_formed_where_a_step_does_not_fit(string query)
    {
        await using var scene = await LimitScene.StartAsync(
            "- { code: steps, scope: acme, meter: output_tokens, amount: \"600\", window: { kind: month }, hold: stepwise }", ("Limits__StepTokens", "64"));
        var answer = await scene.SendAsync("/v1beta/models/gemini-2.5-flash:streamGenerateContent" + query,
            """{"contents":[{"parts":[{"text":"hello reply:16000 chunk:20 pace:10"}]}],"generationConfig":{"maxOutputTokens":16000}}""", LimitScene.Ada);
        answer.Status.ShouldBe(HttpStatusCode.OK, answer.Text);
        JsonElement[] elements = query.Length == 0 ? [.. answer.Json.EnumerateArray()]
            : [.. answer.Text.Split("\r\n\r\n", StringSplitOptions.RemoveEmptyEntries).Select(it => JsonElement.Parse(it["data: ".Length..]))];
        elements.Length.ShouldBeGreaterThan(1);
        elements[^1].GetProperty("candidates")[0].GetProperty("finishReason").GetString().ShouldBe("MAX_TOKENS");
        var it = (await scene.Gateway.EventsAsync(1)).Single();
        it.GetProperty("status").GetString().ShouldBe("cut_off");
        var used = it.GetProperty("usage").GetProperty("output_tokens").GetInt64();
        elements[^1].GetProperty("usageMetadata").GetProperty("candidatesTokenCount").GetInt64().ShouldBe(used);
        await scene.SettledAsync("steps", used);
        (await scene.Provider.Served.EndOfAsync(it.GetProperty("id").GetString()!)).Ending.ShouldBe(ProviderEnding.CallerGone);
    }
}
