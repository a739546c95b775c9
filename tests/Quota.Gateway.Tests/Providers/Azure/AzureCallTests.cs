using System.Net;
using System.Net.Http.Headers;
using System.Text;
using Quota.Gateway.Tests.Providers.OpenAi;
using Quota.TestKit;

namespace Quota.Gateway.Tests.Providers.Azure;

/// <summary>Azure through a running gateway: deployments, both kinds of paths, old versions, audio that passes unread.</summary>
public sealed class AzureCallTests : IAsyncLifetime
{
    private const string Limits = """
        - { code: month, scope: acme, meter: spend, amount: "100", window: { kind: month } }
        - { code: tokens, scope: acme, meter: total_tokens, amount: "100000000", window: { kind: day } }
        - { code: rpm, scope: acme/research/bob, meter: requests, amount: "1", window: { kind: rate, every: minute } }
        - { code: once, scope: acme/product, meter: requests, amount: "1", window: { kind: month } }
        """;

    private const string Deployment = "/openai/deployments/gpt-4o-mini/chat/completions?api-version=";

    private LimitScene _scene = null!;

    public async ValueTask InitializeAsync() => _scene = await LimitScene.StartAsync(Limits);

    public ValueTask DisposeAsync() => _scene.DisposeAsync();

    [Theory]
    [InlineData(Deployment + "2024-10-21", "", false)]
    [InlineData(Deployment + "2024-10-21", ",\"stream\":true", false)]
    [InlineData(Deployment + "2024-06-01", "", false)]
    [InlineData(Deployment + "2024-06-01", ",\"stream\":true", true)]   // it tells no usage, and answers 400 when asked for it
    [InlineData("/openai/v1/chat/completions", ",\"model\":\"gpt-4o-mini\",\"stream\":true", false)]
    public async Task A_chat_is_one_event_with_the_deployments_numbers(string route, string more, bool estimated)
    {
        var answer = await SendAsync(route, $$"""{"messages":[{"role":"user","content":"hello there reply:30"}],"max_tokens":20{{more}}}""");
        answer.Status.ShouldBe(HttpStatusCode.OK, answer.Text);
        FakeProvider.TokensIn(answer.Text).ShouldBe(20);
        answer.Text.Contains("prompt_filter_results", StringComparison.Ordinal).ShouldBe(more.Contains("stream", StringComparison.Ordinal));
        answer.Text.Contains("prompt_tokens", StringComparison.Ordinal).ShouldBe(!more.Contains("stream", StringComparison.Ordinal));   // hidden
        var (it, log) = ((await _scene.Gateway.EventsAsync(1)).Single(), _scene.Provider.Served.Entries().Single());
        log.Model.ShouldBe("mini-deployment");
        var usage = it.GetProperty("usage");
        (it.GetProperty("provider").GetString(), it.GetProperty("model").GetString(), it.GetProperty("estimated").GetBoolean()).ShouldBe(("azure", "gpt-4o-mini", estimated));
        it.GetProperty("provider_request_id").GetString().ShouldNotBeNullOrEmpty();
        if (estimated)
            return;
        (usage.GetProperty("input_tokens").GetInt64(), usage.GetProperty("output_tokens").GetInt64()).ShouldBe((log.InputTokens, 20));
        Forms.Money(it.GetProperty("cost").GetString()).ShouldBe((3 * 3 + 20 * 4) / 1_000_000m);
        await _scene.SettledAsync("tokens", 23);
    }

    [Theory]
    [InlineData("/openai/v1/responses")]
    [InlineData("/openai/responses?api-version=2025-04-01-preview")]
    public async Task A_response_names_its_deployment_in_the_body(string route)
    {
        var answer = await SendAsync(route, """{"model":"gpt-4o-mini","input":"hello reply:5","max_output_tokens":20}""");
        answer.Status.ShouldBe(HttpStatusCode.OK, answer.Text);
        _scene.Provider.Served.Entries().Single().Model.ShouldBe("mini-deployment");
        await _scene.SettledAsync("tokens", 7);
    }

    [Fact]
    public async Task Audio_passes_as_it_comes()
    {
        var answer = await _scene.SendAsync("/openai/deployments/whisper/audio/transcriptions?api-version=2024-10-21", Forms.Http("file", new byte[2_000_000], ("response_format", "verbose_json"), ("prompt", "reply:9 fault:no-usage")), Authorize(LimitScene.Ada));
        answer.Status.ShouldBe(HttpStatusCode.OK, answer.Text);
        _scene.Provider.Served.Entries().Single().FileBytes.ShouldBe(2_000_000);
        var it = (await _scene.Gateway.EventsAsync(1)).Single();
        (it.GetProperty("usage").GetProperty("seconds").GetInt64(), it.GetProperty("estimated").GetBoolean()).ShouldBe((500, false));
        Forms.Money(it.GetProperty("cost").GetString()).ShouldBe(0.1m);
    }

    [Fact]
    public async Task Refusals_are_in_azures_words()
    {
        async Task<Answer> Expect(Task<Answer> call, int status, string code)
        {
            var answer = await call;
            ((int)answer.Status, answer.Code).ShouldBe((status, code), answer.Text);
            answer.Header("apim-request-id").ShouldBe(answer.Header("x-request-id"));
            return answer;
        }
        const string body = """{"messages":[{"role":"user","content":"hello reply:1"}],"max_tokens":5}""";
        await Expect(SendAsync(Deployment + "2024-10-21", body, "qk_unknown_0123456789"), 401, "401");
        await Expect(SendAsync("/openai/deployments/nobody/chat/completions?api-version=2024-10-21", body), 404, "DeploymentNotFound");
        await Expect(SendAsync(Deployment + "2024-10-21", "{"), 400, "BadRequest");
        (await SendAsync(Deployment + "2024-10-21", body, LimitScene.Bob)).Status.ShouldBe(HttpStatusCode.OK);
        var limited = await Expect(SendAsync(Deployment + "2024-10-21", body, LimitScene.Bob), 429, "429");
        limited.Header("Retry-After").ShouldNotBeNull();
        limited.Quota.GetProperty("limit").GetString().ShouldBe("rpm");
        (await SendAsync(Deployment + "2024-10-21", body, LimitScene.Robot)).Status.ShouldBe(HttpStatusCode.OK);
        var spent = await Expect(SendAsync(Deployment + "2024-10-21", body, LimitScene.Robot), 429, "insufficient_quota");
        (spent.Header("x-should-retry"), spent.Header("Retry-After")).ShouldBe(("false", null));
    }

    [Theory]
    [InlineData("fault:429", 429)]
    [InlineData("fault:500", 500)]
    public async Task What_azure_refuses_costs_nothing(string word, int status)
    {
        ((int)(await SendAsync(Deployment + "2024-10-21", $$"""{"messages":[{"role":"user","content":"{{word}}"}],"max_tokens":5}""")).Status).ShouldBe(status);
        (await _scene.Gateway.EventsAsync(1)).Single().GetProperty("status").GetString().ShouldBe("failed");
        await _scene.SettledAsync("tokens", 0);
    }

    private Task<Answer> SendAsync(string route, string body, string key = LimitScene.Ada) =>
        _scene.SendAsync(route, new StringContent(body, Encoding.UTF8, new MediaTypeHeaderValue("application/json")), Authorize(key));

    private static Action<HttpRequestMessage> Authorize(string key) => request => request.Headers.Add("api-key", key);
}
