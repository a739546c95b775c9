using System.Net;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Quota.TestKit;

namespace Quota.Gateway.Tests.Forwarding;

/// <summary>Where calls go: aliases, an upstream's own names, and several upstreams for one model.</summary>
public sealed class UpstreamsTests : IAsyncLifetime
{
    private readonly List<string> _asked = [];
    private WebApplication _sick = null!;
    private FakeProvider _well = null!, _other = null!;
    private RedisServer _redis = null!;
    private GatewayProcess? _gateway;
    private int _status = 503;

    public async ValueTask InitializeAsync()
    {
        (_redis, _well, _other) = (await RedisServer.StartAsync(), await FakeProvider.StartAsync(), await FakeProvider.StartAsync());
        _sick = LoopbackHost.Build(0);
        _sick.Run(context =>
        {
            lock (_asked)
                _asked.Add(context.Request.Path);
            context.Response.StatusCode = _status;
            context.Response.Headers["x-sick"] = "yes";
            return context.Response.WriteAsync("""{"error":{"message":"sick"}}""");
        });
        await _sick.StartAsync();
    }

    public async ValueTask DisposeAsync()
    {
        if (_gateway is not null)
            await _gateway.DisposeAsync();
        await _sick.DisposeAsync();
        await _well.DisposeAsync();
        await _other.DisposeAsync();
        await _redis.DisposeAsync();
    }

    [Fact]
    public async Task An_alias_is_routed_allowed_and_priced_as_the_model_it_stands_for()
    {
        await StartAsync($"a: {At(_well.BaseUrl)}", "aliases: { fast: gpt-4o-mini, dear: gpt-4o }");
        var answer = await AskAsync("fast");
        answer.StatusCode.ShouldBe(HttpStatusCode.OK);
        _well.Served.Entries().ShouldHaveSingleItem().Model.ShouldBe("gpt-4o-mini");
        var it = (await _gateway!.EventsAsync(1))[0];
        (it.GetProperty("model").GetString(), it.GetProperty("requested_model").GetString()).ShouldBe(("gpt-4o-mini", "fast"));

        (await AskAsync("dear")).StatusCode.ShouldBe(HttpStatusCode.Forbidden, "the key may use gpt-4o-mini only");
        using var http = new HttpClient { DefaultRequestHeaders = { { "Authorization", "Bearer " + LimitScene.Ada } } };
        var models = JsonElement.Parse(await http.GetStringAsync(_gateway.Url + "/v1/models"));
        models.GetProperty("data").EnumerateArray().Select(model => model.GetProperty("id").GetString()).ShouldBe(["fast", "gpt-4o-mini"]);
    }

    [Fact]
    public async Task An_upstream_may_call_a_model_otherwise()
    {
        await StartAsync($"a: {At(_well.BaseUrl, ", names: { gpt-4o-mini: \"prod \\\"4o\\\"\" }")}");
        (await AskAsync("gpt-4o-mini")).StatusCode.ShouldBe(HttpStatusCode.OK);
        _well.Served.Entries().ShouldHaveSingleItem().Model.ShouldBe("prod \"4o\"");
        (await _gateway!.EventsAsync(1))[0].GetProperty("model").GetString().ShouldBe("gpt-4o-mini");
    }

    [Theory]
    [InlineData(429, true)]
    [InlineData(503, true)]
    [InlineData(529, true)]
    [InlineData(400, false)]
    [InlineData(401, false)]
    public async Task A_failure_that_may_pass_elsewhere_is_tried_elsewhere(int status, bool passes)
    {
        _status = status;
        await StartAsync($"a: {At(Sick)}", $"b: {At(_well.BaseUrl)}");
        using var answer = await AskAsync("gpt-4o-mini");
        ((int)answer.StatusCode).ShouldBe(passes ? 200 : status);
        answer.Headers.Contains("x-sick").ShouldBe(!passes);
        var events = await _gateway!.EventsAsync(passes ? 2 : 1);
        var first = events[0];
        (first.GetProperty("upstream").GetString(), first.GetProperty("status").GetString(), first.GetProperty("http_status").GetInt32()).ShouldBe(("a", "failed", status));
        first.GetProperty("usage").GetProperty("requests").GetInt64().ShouldBe(0);
        first.GetProperty("id").GetString().ShouldBe(answer.Headers.GetValues("x-request-id").Single(), "the client's id is the request's");
        if (passes)
        {
            var second = events[1];
            (second.GetProperty("upstream").GetString(), second.GetProperty("status").GetString(), second.GetProperty("attempt").GetInt32()).ShouldBe(("b", "completed", 2));
            second.GetProperty("request_id").GetString().ShouldBe(first.GetProperty("id").GetString());
            second.GetProperty("id").GetString().ShouldNotBe(first.GetProperty("id").GetString());
        }
        await SettledAsync("rpm", 1, "a rate counts what clients send");
        await SettledAsync("day", passes ? 1 : 0, "a day's requests are those that were served");
    }

    [Fact]
    public async Task A_dead_upstream_is_passed_over_and_after_three_calls_left_out()
    {
        _status = 500;
        await StartAsync($"a: {At(Sick)}", $"dead: {At($"http://127.0.0.1:{FreePort.Next()}")}", $"z: {At(_well.BaseUrl)}");
        for (var i = 0; i < 5; i++)
        {
            using var answer = await AskAsync("gpt-4o-mini");
            answer.StatusCode.ShouldBe(HttpStatusCode.OK, $"call {i}: {answer.Headers} {await answer.Content.ReadAsStringAsync()}");
        }
        _asked.Count.ShouldBe(3, "then it was ill");
        var events = await _gateway!.EventsAsync(5 + 3 + 3);
        events.Where(it => it.GetProperty("upstream").GetString() == "dead").ShouldAllBe(it => it.GetProperty("status").GetString() == "failed" && !it.GetProperty("estimated").GetBoolean());
        _well.Served.Totals.Requests.ShouldBe(5);
        await SettledAsync("rpm", 5, "");
    }

    [Fact]
    public async Task When_all_fail_the_last_answer_goes_to_the_client()
    {
        await StartAsync($"a: {At(Sick)}", $"b: {At(Sick)}");
        using var answer = await AskAsync("gpt-4o-mini");
        ((int)answer.StatusCode, answer.Headers.Contains("x-sick")).ShouldBe((503, true));
        (await _gateway!.EventsAsync(2)).ShouldAllBe(it => it.GetProperty("usage").GetProperty("input_tokens").GetInt64() == 0);
    }

    [Fact]
    public async Task Calls_take_turns_when_told_to()
    {
        await StartAsync("balancing: round_robin", $"a: {At(_well.BaseUrl)}", $"b: {At(_other.BaseUrl)}");
        for (var i = 0; i < 10; i++)
            (await AskAsync("gpt-4o-mini")).StatusCode.ShouldBe(HttpStatusCode.OK);
        (_well.Served.Totals.Requests, _other.Served.Totals.Requests).ShouldBe((5, 5));
    }

    [Fact]
    public async Task A_probe_finds_an_upstream_ill_before_a_call_does()
    {
        await StartAsync($"a: {At(Sick, ", health: { path: /healthy, every: 1s, timeout: 1s }")}", $"b: {At(_well.BaseUrl)}");
        await Eventually.TrueAsync("it was probed", () => { lock (_asked) return _asked.Count(path => path == "/healthy") >= 3; });
        (await AskAsync("gpt-4o-mini")).StatusCode.ShouldBe(HttpStatusCode.OK);
        lock (_asked)
            _asked.ShouldNotContain("/v1/chat/completions");
    }

    private string Sick => LoopbackHost.UrlOf(_sick);

    private static string At(string address, string more = "") => $"{{ protocol: openai, base_url: \"{address}\", credential: {{ env: {GatewayProcess.CredentialVariable} }}, models: [\"gpt-*\"]{more} }}";

    /// <summary>Lines with a <c>protocol</c> are upstreams, the others stand for themselves.</summary>
    private async Task StartAsync(params string[] lines) => _gateway = await GatewayProcess.StartAsync($$"""
        {{string.Join('\n', lines.Where(line => !line.Contains("protocol:")))}}
        upstreams:
        {{string.Join('\n', lines.Where(line => line.Contains("protocol:")).Select(line => "  " + line))}}
        orgs: { acme: {} }
        keys: [ { name: ada, secret: {{LimitScene.Ada}}, scope: acme, models: ["gpt-4o-mini*"] } ]
        limits:
          - { code: rpm, scope: acme, meter: requests, amount: "100", window: { kind: rate, every: hour } }
          - { code: day, scope: acme, meter: requests, amount: "100", window: { kind: day } }
          - { code: money, scope: acme, meter: spend, amount: "10", window: { kind: month } }
        prices: { models: { gpt-4o-mini: { provider: openai, input: "1", output: "2" }, gpt-4o: { provider: openai, input: "1", output: "2" } } }
        """, _redis);

    private async Task<HttpResponseMessage> AskAsync(string model)
    {
        using var http = new HttpClient();
        using var request = new HttpRequestMessage(HttpMethod.Post, _gateway!.Url + "/v1/chat/completions")
        {
            Content = new StringContent($$"""{"model":"{{model}}","messages":[{"role":"user","content":"hello reply:3"}],"max_tokens":5}"""), Headers = { { "Authorization", "Bearer " + LimitScene.Ada } },
        };
        return await http.SendAsync(request);
    }

    private async Task SettledAsync(string code, int used, string why)
    {
        using var http = new HttpClient();
        string last = "";
        await Eventually.TrueAsync($"{code} stands at {used}: {why}", async () =>
        {
            var limits = JsonElement.Parse(await http.GetStringAsync(_gateway!.AdminUrl + "/admin/limits")).GetProperty("limits").EnumerateArray();
            last = limits.Single(limit => limit.GetProperty("limit").GetString() == code).ToString();
            return JsonElement.Parse(last) is var it && it.GetProperty("used").GetString() == used.ToString(System.Globalization.CultureInfo.InvariantCulture) && it.GetProperty("held").GetString() == "0";
        }, detail: () => last);
    }
}
