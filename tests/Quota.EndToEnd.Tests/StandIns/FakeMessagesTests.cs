using System.Net;
using System.Text;
using System.Text.Json.Nodes;
using Quota.TestKit;

namespace Quota.EndToEnd.Tests.StandIns;

public sealed class FakeMessagesTests : IAsyncLifetime
{
    private FakeProvider _provider = null!;
    private HttpClient _http = null!;

    public async ValueTask InitializeAsync()
    {
        _provider = await FakeProvider.StartAsync();
        _http = new HttpClient(new SocketsHttpHandler { ResponseDrainTimeout = TimeSpan.Zero }) { BaseAddress = new Uri(_provider.BaseUrl) };
        _http.DefaultRequestHeaders.Add("x-api-key", FakeProvider.DefaultCredential);
        _http.DefaultRequestHeaders.Add("anthropic-version", "2023-06-01");
        _http.DefaultRequestHeaders.Add("x-request-id", "id-1");
    }

    public async ValueTask DisposeAsync()
    {
        _http.Dispose();
        await _provider.DisposeAsync();
    }

    [Fact]
    public async Task Cached_input_is_told_apart_and_the_log_counts_all_of_it()
    {
        using var answer = await PostAsync("""
            {"model":"claude-sonnet-4-5","max_tokens":10,"temperature":1,
             "system":[{"type":"text","text":"one two three","cache_control":{"type":"ephemeral","ttl":"1h"}},{"type":"text","text":"four"}],
             "messages":[{"role":"user","content":"reply:40 cached:1000"},{"role":"assistant","content":[{"type":"tool_use","id":"t","name":"n","input":{"text":"not counted"}}]},
              {"role":"user","content":[{"type":"text","text":"five six","cache_control":{"type":"ephemeral"}},
               {"type":"tool_result","tool_use_id":"t","content":[{"type":"text","text":"seven"}]},{"type":"image","source":{"type":"base64","data":"a b"}}]}]}
            """);
        answer.StatusCode.ShouldBe(HttpStatusCode.OK);
        answer.Headers.GetValues("request-id").Single().ShouldStartWith("req_");
        var body = JsonNode.Parse(await answer.Content.ReadAsStringAsync())!;
        body["id"]!.GetValue<string>().ShouldStartWith("msg_");
        body["stop_reason"]!.GetValue<string>().ShouldBe("max_tokens");
        FakeProvider.TokensIn(body["content"]![0]!["text"]!.GetValue<string>()).ShouldBe(10);
        body["usage"]!.ToJsonString().ShouldBe("""
            {"input_tokens":4,"cache_creation_input_tokens":5,"cache_read_input_tokens":1000,"cache_creation":{"ephemeral_5m_input_tokens":2,"ephemeral_1h_input_tokens":3},"output_tokens":10,"service_tier":"standard"}
            """);
        (await _provider.Served.EndOfAsync("id-1")).ShouldBe(new ProviderEntry(1, "id-1", "claude-sonnet-4-5", false, 1009, 10, 200, ProviderEnding.Completed, 10)
        {
            CachedInputTokens = 1000,
            CacheWriteTokens = 5,
            CacheWrite1hTokens = 3,
        });
        (await _http.GetStringAsync("/_log/entries")).ShouldContain("\"cached_input_tokens\":1000,\"cache_write_tokens\":5,\"cache_write_1h_tokens\":3");
    }

    [Theory]
    [InlineData("a reply:70", 32)]
    [InlineData("a reply:70 chunk:10", 7)]
    [InlineData("reply:0 fault:no-usage", 0)]
    public async Task A_stream_has_the_events_of_a_recorded_one(string prompt, int chunks)
    {
        using var answer = await PostAsync($$"""{"model":"m","max_tokens":500,"stream":true,"messages":[{"role":"user","content":"{{prompt}}"}]}""");
        answer.Content.Headers.ContentType!.MediaType.ShouldBe("text/event-stream");
        var events = (await answer.Content.ReadAsStringAsync()).Split("\n\n", StringSplitOptions.RemoveEmptyEntries).Select(e => e.Split('\n')).ToList();
        events.ShouldAllBe(e => e.Length == 2 && e[0].StartsWith("event: ") && e[1].StartsWith("data: "));
        var data = events.ConvertAll(e => JsonNode.Parse(e[1][6..])!);
        events.Zip(data).ShouldAllBe(e => e.First[0].Substring(7) == e.Second["type"]!.GetValue<string>());
        string[] names = ["message_start", "content_block_start", "ping", .. Enumerable.Repeat("content_block_delta", chunks), "content_block_stop", "message_delta", "message_stop"];
        data.Select(e => e["type"]!.GetValue<string>()).ShouldBe(names);
        var (started, ended) = (data[0]["message"]!.AsObject(), data[^2].AsObject());
        ended["delta"]!.ToJsonString().ShouldBe("""{"stop_reason":"end_turn","stop_sequence":null}""");
        started.ContainsKey("usage").ShouldBe(chunks > 0);
        ended.ContainsKey("usage").ShouldBe(chunks > 0);
        if (chunks == 0)
            return;
        started["usage"]!["output_tokens"]!.GetValue<int>().ShouldBe(1);
        ended["usage"]!["output_tokens"]!.GetValue<int>().ShouldBe(70);
        ended["usage"]!["input_tokens"]!.GetValue<int>().ShouldBe(_provider.Served.Entries().Single().InputTokens);
        string.Concat(data.Select(e => e["delta"]?["text"]?.GetValue<string>())).Split(' ').Length.ShouldBe(70);
    }

    [Theory]
    [InlineData("""{"model":"m","messages":[{"content":"a"}]}""", 400, "invalid_request_error")]
    [InlineData("""{"model":"m","max_tokens":0,"messages":[{"content":"a"}]}""", 400, "invalid_request_error")]
    [InlineData("""{"model":"m","max_tokens":5,"messages":[]}""", 400, "invalid_request_error")]
    [InlineData("""{"max_tokens":5,"messages":[{"content":"a"}]}""", 400, "invalid_request_error")]
    [InlineData("{", 400, "invalid_request_error")]
    [InlineData("[]", 400, "invalid_request_error")]
    [InlineData("""{"model":"m","max_tokens":5,"messages":[{"content":"fault:429"}]}""", 429, "rate_limit_error")]
    [InlineData("""{"model":"m","max_tokens":5,"messages":[{"content":"fault:500"}]}""", 500, "api_error")]
    public async Task Errors_have_Anthropics_shape(string body, int status, string type)
    {
        using var answer = await PostAsync(body);
        await ShouldBeErrorAsync(answer, status, type);
        _provider.Served.Totals.ShouldBe(new ProviderTotals { Failed = 1 });
    }

    [Theory]
    [InlineData("x-api-key", null, 401, "authentication_error")]
    [InlineData("x-api-key", "qk_live_ours", 401, "authentication_error")]
    [InlineData("anthropic-version", null, 400, "invalid_request_error")]
    [InlineData("anthropic-version", "2023-06-01, 2023-06-01", 400, "invalid_request_error")]
    public async Task Key_and_version_are_needed(string header, string? value, int status, string type)
    {
        _http.DefaultRequestHeaders.Remove(header);
        if (value is not null)
            _http.DefaultRequestHeaders.Add(header, value);
        using var answer = await PostAsync("""{"model":"m","max_tokens":5,"messages":[{"content":"a"}]}""");
        await ShouldBeErrorAsync(answer, status, type);
        _provider.Served.Totals.ShouldBe(default);
    }

    [Fact]
    public async Task Counting_tokens_is_no_call()
    {
        using var answer = await PostAsync("""{"model":"m","system":"be brief","messages":[{"role":"user","content":"three more words"}]}""", "/v1/messages/count_tokens");
        (await answer.Content.ReadAsStringAsync()).ShouldBe("""{"input_tokens":5}""");
        _provider.Served.Entries().ShouldBeEmpty();
    }

    [Fact]
    public async Task A_caller_that_goes_is_noticed()
    {
        using var request = Request("""{"model":"m","max_tokens":5000,"stream":true,"messages":[{"content":"pace:50 reply:1000"}]}""", "/v1/messages");
        using (var answer = await _http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead))
        {
            await using var stream = await answer.Content.ReadAsStreamAsync();
            (await stream.ReadAsync(new byte[64])).ShouldBeGreaterThan(0);
        }

        var entry = await _provider.Served.EndOfAsync("id-1");
        entry.Ending.ShouldBe(ProviderEnding.CallerGone);
        entry.OutputTokens.ShouldBeInRange(1, 999);
    }

    private static async Task ShouldBeErrorAsync(HttpResponseMessage answer, int status, string type)
    {
        ((int)answer.StatusCode).ShouldBe(status);
        var body = JsonNode.Parse(await answer.Content.ReadAsStringAsync())!;
        body["type"]!.GetValue<string>().ShouldBe("error");
        body["error"]!["type"]!.GetValue<string>().ShouldBe(type);
        body["error"]!["message"]!.GetValue<string>().ShouldNotBeEmpty();
        body["request_id"]!.GetValue<string>().ShouldBe(answer.Headers.GetValues("request-id").Single());
    }

    private static HttpRequestMessage Request(string body, string path) =>
        new(HttpMethod.Post, path) { Content = new StringContent(body, Encoding.UTF8, "application/json") };

    private async Task<HttpResponseMessage> PostAsync(string body, string path = "/v1/messages")
    {
        using var request = Request(body, path);
        return await _http.SendAsync(request);
    }
}
