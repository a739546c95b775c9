using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using Quota.TestKit;

namespace Quota.Gateway.Tests.Providers.Bedrock;

/// <summary>Bedrock through a running gateway: one event each with the provider's own numbers, priced, counted, refused in Amazon's words.</summary>
public sealed class BedrockCallTests : IAsyncLifetime
{
    private const string Nova = "amazon.nova-lite-v1:0", Claude = "anthropic.claude-sonnet-4-5-20250929-v1:0", Llama = "meta.llama3-8b-instruct-v1:0";
    private const string Arn = "arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.amazon.nova-lite-v1:0";

    private const string Limits = """
        - { code: month, scope: acme, meter: spend, amount: "1", window: { kind: month } }
        - { code: tokens, scope: acme, meter: total_tokens, amount: "100000000", window: { kind: day } }
        - { code: rpm, scope: acme/research/bob, meter: requests, amount: "1", window: { kind: rate, every: minute } }
        - { code: small, scope: acme/product, meter: spend, amount: "0.0002", window: { kind: month } }
        """;

    private readonly HttpClient _http = new(new SocketsHttpHandler { UseProxy = false });

    private LimitScene _scene = null!;

    public async ValueTask InitializeAsync() => _scene = await LimitScene.StartAsync(Limits);

    public async ValueTask DisposeAsync()
    {
        _http.Dispose();
        await _scene.DisposeAsync();
    }

    [Theory]
    [InlineData("converse")]
    [InlineData("converse-stream")]
    public async Task A_conversation_is_one_event_with_all_input_and_its_price(string operation)
    {
        // 1000 tokens read from the cache; two words written for minutes, three more for an hour; 7 tokens out.
        var body = $$$"""
            {"system":[{"text":"two words"},{"cachePoint":{"type":"default"}},{"text":"three words more"},{"cachePoint":{"type":"default","ttl":"1h"}}],
             "messages":[{"role":"user","content":[{"text":"cached:1000 reply:7 {{{new string('x', 1200)}}}"}]}],"inferenceConfig":{"maxTokens":50}}
            """;
        using var answer = await PostAsync(LimitScene.Ada, Nova, operation, body);
        var bytes = await answer.Content.ReadAsByteArrayAsync();
        answer.StatusCode.ShouldBe(HttpStatusCode.OK, Encoding.UTF8.GetString(bytes));
        if (operation == "converse")
            JsonElement.Parse(bytes).GetProperty("stopReason").GetString().ShouldBe("end_turn");
        else
        {
            answer.Content.Headers.ContentType!.MediaType.ShouldBe("application/vnd.amazon.eventstream");
            AwsFrame.Of(bytes)[^1].Name.ShouldBe("metadata");
        }
        var it = (await _scene.Gateway.EventsAsync(1)).Single();
        var (usage, log) = (it.GetProperty("usage"), _scene.Provider.Served.Entries().Single());
        (it.GetProperty("provider").GetString(), it.GetProperty("route").GetString(), it.GetProperty("model").GetString(), it.GetProperty("status").GetString())
            .ShouldBe(("bedrock", "/model/{model}/" + operation, Nova, "completed"));
        it.GetProperty("estimated").GetBoolean().ShouldBeFalse();
        it.GetProperty("provider_request_id").GetString().ShouldNotBeNullOrEmpty();
        long Count(string field) => usage.GetProperty(field).GetInt64();
        (Count("input_tokens"), Count("cached_input_tokens"), Count("cache_write_tokens"), Count("cache_write_1h_tokens"), Count("output_tokens"))
            .ShouldBe((log.InputTokens, 1000, 5, 3, 7));
        var micros = log.InputTokens - 1005 + 1000 * 0.1m + 2 * 1.25m + 3 * 2m + 7 * 2m;
        decimal.Parse(it.GetProperty("cost").GetString()!, CultureInfo.InvariantCulture).ShouldBe(micros / 1_000_000);
        await _scene.SettledAsync("month", micros / 1_000_000);
        await _scene.SettledAsync("tokens", log.InputTokens + 7);
    }

    [Theory]
    [InlineData(Claude, "invoke", """{"anthropic_version":"bedrock-2023-05-31","max_tokens":50,"messages":[{"role":"user","content":"cached:100 one two reply:7"}]}""", 4, 100)]
    [InlineData(Claude, "invoke-with-response-stream", """{"anthropic_version":"bedrock-2023-05-31","max_tokens":50,"messages":[{"role":"user","content":"cached:100 one two reply:7"}]}""", 4, 100)]
    [InlineData(Llama, "invoke-with-response-stream", """{"prompt":"one two reply:7","max_gen_len":50}""", 3, 0)]
    [InlineData(Llama, "invoke", """{"prompt":"one two reply:7","max_gen_len":50}""", 3, 0)]
    public async Task An_invoked_model_is_one_event_too(string model, string operation, string body, long words, long cached)
    {
        using var answer = await PostAsync(LimitScene.Ada, model, operation, body);
        answer.StatusCode.ShouldBe(HttpStatusCode.OK);
        var bytes = await answer.Content.ReadAsByteArrayAsync();
        (operation == "invoke" || AwsFrame.Of(bytes)[^1].Inner.TryGetProperty("amazon-bedrock-invocationMetrics", out _)).ShouldBeTrue();
        var it = (await _scene.Gateway.EventsAsync(1)).Single();
        var usage = it.GetProperty("usage");
        it.GetProperty("estimated").GetBoolean().ShouldBeFalse();
        (usage.GetProperty("input_tokens").GetInt64(), usage.GetProperty("cached_input_tokens").GetInt64(), usage.GetProperty("output_tokens").GetInt64()).ShouldBe((words + cached, cached, 7));
        await _scene.SettledAsync("tokens", words + cached + 7);
    }

    [Fact]
    public async Task A_profiles_arn_goes_upstream_as_it_is_and_a_missing_bound_is_put_in()
    {
        using var answer = await PostAsync(LimitScene.Robot, Arn, "converse", """{"messages":[{"role":"user","content":[{"text":"hello reply:30"}]}]}""");
        answer.StatusCode.ShouldBe(HttpStatusCode.OK, await answer.Content.ReadAsStringAsync());
        var clamped = int.Parse(answer.Headers.GetValues("x-quota-clamped").Single(), CultureInfo.InvariantCulture);
        var log = _scene.Provider.Served.Entries().Single();
        (log.Model, log.Bound).ShouldBe((Arn, clamped));
        clamped.ShouldBeLessThan(100);   // what is left of 200 micro-dollars at 2 a token
        (await _scene.Gateway.EventsAsync(1)).Single().GetProperty("model").GetString().ShouldBe(Arn);
    }

    [Theory]
    [InlineData("converse-stream")]
    [InlineData("invoke-with-response-stream")]
    public async Task A_stream_that_breaks_off_is_counted_by_what_passed(string operation)
    {
        var body = operation == "converse-stream" ? Converse("hello fault:cut reply:50", 100) : """{"anthropic_version":"bedrock-2023-05-31","max_tokens":100,"messages":[{"role":"user","content":"hello fault:cut reply:50"}]}""";
        await Record.ExceptionAsync(() => PostAsync(LimitScene.Ada, operation == "converse-stream" ? Nova : Claude, operation, body));   // its end is missing
        var it = (await _scene.Gateway.EventsAsync(1)).Single();
        it.GetProperty("status").GetString().ShouldBe("cut_off");
        it.GetProperty("estimated").GetBoolean().ShouldBeTrue();
        it.GetProperty("usage").GetProperty("output_tokens").GetInt64().ShouldBeInRange(1, 50);
    }

    [Theory]
    [InlineData("fault:500", 500, "InternalServerException")]
    [InlineData("fault:429", 429, "ThrottlingException")]
    public async Task What_bedrock_refuses_passes_in_its_own_words_and_costs_nothing(string word, int status, string type)
    {
        using var answer = await PostAsync(LimitScene.Ada, Nova, "converse-stream", Converse("hello " + word));
        ((int)answer.StatusCode, answer.Headers.GetValues("x-amzn-ErrorType").Single()).ShouldBe((status, type));
        (await _scene.Gateway.EventsAsync(1)).Single().GetProperty("usage").GetProperty("requests").GetInt64().ShouldBe(0);
        await _scene.SettledAsync("tokens", 0);
    }

    [Fact]
    public async Task Refusals_are_in_amazons_words()
    {
        async Task<HttpResponseMessage> Expect(Task<HttpResponseMessage> call, int status, string type, string message)
        {
            var answer = await call;
            var text = await answer.Content.ReadAsStringAsync();
            ((int)answer.StatusCode).ShouldBe(status, text);
            answer.Headers.GetValues("x-amzn-ErrorType").Single().ShouldBe(type);
            answer.Headers.GetValues("x-amzn-RequestId").Single().ShouldBe(answer.Headers.GetValues("x-request-id").Single());
            JsonElement.Parse(text).GetProperty("message").GetString()!.ShouldContain(message);
            return answer;
        }
        await Expect(PostAsync("qk_unknown_0123456789", Nova, "converse", Converse("hello")), 401, "UnrecognizedClientException", "API key");
        await Expect(PostAsync(LimitScene.Guest, Nova, "converse", Converse("hello")), 403, "AccessDeniedException", Nova);
        await Expect(PostAsync(LimitScene.Ada, "cohere.command-r-v1:0", "converse", Converse("hello")), 404, "ResourceNotFoundException", "cohere.command-r-v1:0");
        await Expect(PostAsync(LimitScene.Ada, "amazon.nova-pro-v1:0", "converse", Converse("hello")), 503, "ServiceUnavailableException", "price");
        await Expect(PostAsync(LimitScene.Ada, Nova, "converse", "{"), 400, "ValidationException", "not valid JSON");
        await Expect(PostAsync(LimitScene.Ada, Nova, "converse", """{"messages":[],"serviceTier":{"type":"priority"}}"""), 503, "ServiceUnavailableException", "'priority'");
        (await PostAsync(LimitScene.Bob, Nova, "converse", Converse("hello"))).StatusCode.ShouldBe(HttpStatusCode.OK);
        (await Expect(PostAsync(LimitScene.Bob, Nova, "converse", Converse("hello")), 429, "ThrottlingException", "Try again in")).Headers.RetryAfter.ShouldNotBeNull();
        await Expect(PostAsync(LimitScene.Robot, Nova, "converse", Converse("hello", 5000)), 400, "ValidationException", "more than the whole limit");
        (await PostAsync(LimitScene.Robot, Nova, "converse", Converse("hello reply:40", 40))).StatusCode.ShouldBe(HttpStatusCode.OK);
        await _scene.SettledAsync("small", 0.000082m);
        var spent = await Expect(PostAsync(LimitScene.Robot, Nova, "converse", Converse("hello", 40)), 400, "ServiceQuotaExceededException", "'small'");
        (spent.Headers.RetryAfter, spent.Headers.GetValues("x-should-retry").Single()).ShouldBe((null, "false"));
        JsonElement.Parse(await spent.Content.ReadAsStringAsync()).GetProperty("quota").GetProperty("limit").GetString().ShouldBe("small");
    }

    [Fact]
    public async Task Counting_tokens_is_passed_on_and_costs_nothing()
    {
        const string body = """{"input":{"converse":{"messages":[{"role":"user","content":[{"text":"one two three"}]}]}}}""";
        using var counted = await PostAsync(LimitScene.Ada, Nova, "count-tokens", body);
        JsonElement.Parse(await counted.Content.ReadAsStringAsync()).GetProperty("inputTokens").GetInt64().ShouldBe(3);
        ((int)(await PostAsync(LimitScene.Guest, Nova, "count-tokens", body)).StatusCode).ShouldBe(403);
        (await PostAsync(LimitScene.Ada, Nova, "converse", Converse("hello"))).StatusCode.ShouldBe(HttpStatusCode.OK);
        (await _scene.Gateway.EventsAsync(1)).Single().GetProperty("route").GetString().ShouldBe("/model/{model}/converse");   // and no event of the count before it
    }

    [Fact]
    public async Task The_models_there_are_are_listed_as_the_control_plane_lists_them()
    {
        var list = await _scene.GetAsync("/foundation-models", ("Authorization", "Bearer " + LimitScene.Ada));
        var models = list.Json.GetProperty("modelSummaries").EnumerateArray().Select(model => model.GetProperty("modelId").GetString()).ToArray();
        models.ShouldBe([Nova, Claude, Arn, Llama], ignoreOrder: true);
        var one = await _scene.GetAsync("/foundation-models/" + Uri.EscapeDataString(Nova), ("Authorization", "Bearer " + LimitScene.Ada));
        one.Json.GetProperty("modelDetails").GetProperty("modelArn").GetString().ShouldBe("arn:aws:bedrock:::foundation-model/" + Nova);
    }

    private Task<HttpResponseMessage> PostAsync(string key, string model, string operation, string body) => PostAsync(_http, _scene, key, model, operation, body);

    /// <summary>A call as an SDK sends it that has a key of Bedrock.</summary>
    internal static async Task<HttpResponseMessage> PostAsync(HttpClient http, LimitScene scene, string key, string model, string operation, string body)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, $"{scene.Gateway.Url}/model/{Uri.EscapeDataString(model)}/{operation}") { Content = new StringContent(body, Encoding.UTF8, "application/json") };
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", key);
        return await http.SendAsync(request);
    }

    internal static string Converse(string words, int bound = 10) => $$$"""{"messages":[{"role":"user","content":[{"text":"{{{words}}}"}]}],"inferenceConfig":{"maxTokens":{{{bound}}}}}""";
}

/// <summary>Stepwise holds on Bedrock's streams.</summary>
public sealed class BedrockStepTests
{
    [Theory]
    [InlineData("converse-stream", "amazon.nova-lite-v1:0")]
    [InlineData("invoke-with-response-stream", "anthropic.claude-sonnet-4-5-20250929-v1:0")]
    public async Task A_stepwise_stream_ends_well_formed_where_a_step_does_not_fit(string operation, string model)
    {
        await using var scene = await LimitScene.StartAsync(
            "- { code: steps, scope: acme, meter: output_tokens, amount: \"600\", window: { kind: month }, hold: stepwise }", ("Limits__StepTokens", "64"));
        using var http = new HttpClient(new SocketsHttpHandler { UseProxy = false });
        const string words = "hello reply:4000 chunk:20 pace:10";
        var body = operation == "converse-stream" ? BedrockCallTests.Converse(words, 4000) : $$"""{"anthropic_version":"bedrock-2023-05-31","max_tokens":4000,"messages":[{"role":"user","content":"{{words}}"}]}""";
        using var answer = await BedrockCallTests.PostAsync(http, scene, LimitScene.Ada, model, operation, body);
        answer.StatusCode.ShouldBe(HttpStatusCode.OK, await answer.Content.ReadAsStringAsync());
        var frames = AwsFrame.Of(await answer.Content.ReadAsByteArrayAsync());
        var it = (await scene.Gateway.EventsAsync(1)).Single();
        it.GetProperty("status").GetString().ShouldBe("cut_off");
        var used = it.GetProperty("usage").GetProperty("output_tokens").GetInt64();
        var (told, reason) = operation == "converse-stream"
            ? (frames[^1].Data.GetProperty("usage").GetProperty("outputTokens"), frames[^2].Data.GetProperty("stopReason"))
            : (frames[^1].Inner.GetProperty("amazon-bedrock-invocationMetrics").GetProperty("outputTokenCount"), frames[^2].Inner.GetProperty("delta").GetProperty("stop_reason"));
        (told.GetInt64(), reason.GetString()).ShouldBe((used, "max_tokens"));
        await scene.SettledAsync("steps", used);
        (await scene.Provider.Served.EndOfAsync(it.GetProperty("id").GetString()!)).Ending.ShouldBe(ProviderEnding.CallerGone);
    }
}
