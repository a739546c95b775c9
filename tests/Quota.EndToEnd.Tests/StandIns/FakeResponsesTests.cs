using System.Net.Http.Headers;
using System.Text;
using System.Text.Json.Nodes;
using Quota.TestKit;

namespace Quota.EndToEnd.Tests.StandIns;

public sealed class FakeResponsesTests : IAsyncLifetime
{
    private FakeProvider _provider = null!;
    private HttpClient _http = null!;

    public async ValueTask InitializeAsync()
    {
        _provider = await FakeProvider.StartAsync();
        _http = new HttpClient(new SocketsHttpHandler { ResponseDrainTimeout = TimeSpan.Zero }) { BaseAddress = new Uri(_provider.BaseUrl) };
        _http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", FakeProvider.DefaultCredential);
        _http.DefaultRequestHeaders.Add("x-request-id", "id-1");
    }

    public async ValueTask DisposeAsync()
    {
        _http.Dispose();
        await _provider.DisposeAsync();
    }

    [Fact]
    public async Task Input_counts_words_wherever_they_stand_and_contains_what_was_cached()
    {
        using var answer = await PostAsync("""
            {"model":"gpt-5","max_output_tokens":20,"instructions":"be brief","store":false,"tools":[{"type":"function","name":"not counted"}],
             "input":[{"role":"user","content":"reply:40 cached:1000"},
              {"type":"message","role":"user","content":[{"type":"input_text","text":"one two"},{"type":"input_image","image_url":"data:,a b"}]},
              {"type":"message","role":"assistant","content":[{"type":"output_text","text":"three","annotations":[]}]},
              {"type":"function_call","call_id":"c","name":"n","arguments":"{\"a\": \"not counted\"}"},
              {"type":"function_call_output","call_id":"c","output":"four five"}]}
            """);
        ((int)answer.StatusCode).ShouldBe(200);
        answer.Headers.GetValues("x-request-id").Single().ShouldStartWith("req_");
        var body = JsonNode.Parse(await answer.Content.ReadAsStringAsync())!;
        body["id"]!.GetValue<string>().ShouldStartWith("resp_");
        body["object"]!.GetValue<string>().ShouldBe("response");
        body["status"]!.GetValue<string>().ShouldBe("incomplete");
        body["incomplete_details"]!.ToJsonString().ShouldBe("""{"reason":"max_output_tokens"}""");
        body["max_output_tokens"]!.GetValue<int>().ShouldBe(20);
        var message = body["output"]!.AsArray().Single()!;
        message["id"]!.GetValue<string>().ShouldStartWith("msg_");
        FakeProvider.TokensIn(message["content"]![0]!["text"]!.GetValue<string>()).ShouldBe(20);
        body["usage"]!.ToJsonString().ShouldBe("""
            {"input_tokens":1009,"input_tokens_details":{"cached_tokens":1000},"output_tokens":20,"output_tokens_details":{"reasoning_tokens":0},"total_tokens":1029}
            """);
        (await _provider.Served.EndOfAsync("id-1"))
            .ShouldBe(new ProviderEntry(1, "id-1", "gpt-5", false, 1009, 20, 200, ProviderEnding.Completed, 20) { CachedInputTokens = 1000 });
    }

    [Theory]
    [InlineData("a reply:70", 70, 32, "completed")]
    [InlineData("a reply:70 chunk:10", 70, 7, "completed")]
    [InlineData("a reply:600 chunk:100", 500, 5, "incomplete")]
    [InlineData("reply:0 fault:no-usage", 0, 0, "completed")]
    public async Task A_stream_has_the_events_of_a_recorded_one(string prompt, int tokens, int chunks, string status)
    {
        using var answer = await PostAsync($$"""{"model":"m","max_output_tokens":500,"stream":true,"input":"{{prompt}}"}""");
        answer.Content.Headers.ContentType!.MediaType.ShouldBe("text/event-stream");
        var text = await answer.Content.ReadAsStringAsync();
        FakeProvider.TokensIn(text).ShouldBe(tokens);
        var events = text.Split("\n\n", StringSplitOptions.RemoveEmptyEntries).Select(e => e.Split('\n')).ToList();
        events.ShouldAllBe(e => e.Length == 2 && e[0].StartsWith("event: ") && e[1].StartsWith("data: "));
        var data = events.ConvertAll(e => JsonNode.Parse(e[1][6..])!);
        events.Zip(data).ShouldAllBe(e => e.First[0].Substring(7) == e.Second["type"]!.GetValue<string>());
        data.Select(e => e["sequence_number"]!.GetValue<int>()).ShouldBe(Enumerable.Range(0, data.Count));
        string[] names =
        [
            "response.created", "response.in_progress", "response.output_item.added", "response.content_part.added",
            .. Enumerable.Repeat("response.output_text.delta", chunks),
            "response.output_text.done", "response.content_part.done", "response.output_item.done", "response." + status,
        ];
        data.Select(e => e["type"]!.GetValue<string>()).ShouldBe(names);

        data[0]["response"]!["status"]!.GetValue<string>().ShouldBe("in_progress");
        data[0]["response"]!["usage"].ShouldBeNull();
        var whole = string.Concat(data.Select(e => e["delta"]?.GetValue<string>()));
        var ended = data[^1]["response"]!;
        ended["status"]!.GetValue<string>().ShouldBe(status);
        ended["id"]!.GetValue<string>().ShouldBe(data[0]["response"]!["id"]!.GetValue<string>());
        string[] repeated =
        [
            data[^4]["text"]!.GetValue<string>(), data[^3]["part"]!["text"]!.GetValue<string>(),
            data[^2]["item"]!["content"]![0]!["text"]!.GetValue<string>(), ended["output"]![0]!["content"]![0]!["text"]!.GetValue<string>(),
        ];
        repeated.ShouldAllBe(said => said == whole);
        ended["usage"]?["output_tokens"]?.GetValue<int>().ShouldBe(tokens);
        (ended["usage"] is null).ShouldBe(tokens == 0);
    }

    [Fact]
    public async Task A_json_answer_can_lack_usage()
    {
        using var answer = await PostAsync("""{"model":"m","input":"fault:no-usage"}""");
        var body = JsonNode.Parse(await answer.Content.ReadAsStringAsync())!;
        body["usage"].ShouldBeNull();
        body["status"]!.GetValue<string>().ShouldBe("completed");
        body["incomplete_details"].ShouldBeNull();
        body["max_output_tokens"].ShouldBeNull();
    }

    [Theory]
    [InlineData("""{"model":"m"}""", 400, "invalid_request_error")]
    [InlineData("""{"model":"m","input":5}""", 400, "invalid_request_error")]
    [InlineData("""{"model":"m","input":["a"]}""", 400, "invalid_request_error")]
    [InlineData("""{"model":"m","input":"a","max_output_tokens":0}""", 400, "invalid_request_error")]
    [InlineData("""{"input":"a"}""", 400, "invalid_request_error")]
    [InlineData("{", 400, "invalid_request_error")]
    [InlineData("[]", 400, "invalid_request_error")]
    [InlineData("""{"model":"m","input":"fault:429"}""", 429, "requests")]
    [InlineData("""{"model":"m","input":"fault:500"}""", 500, "server_error")]
    public async Task Errors_have_OpenAIs_shape(string body, int status, string type)
    {
        using var answer = await PostAsync(body);
        ((int)answer.StatusCode).ShouldBe(status);
        var error = JsonNode.Parse(await answer.Content.ReadAsStringAsync())!["error"]!;
        error["type"]!.GetValue<string>().ShouldBe(type);
        error["message"]!.GetValue<string>().ShouldNotBeEmpty();
        _provider.Served.Totals.ShouldBe(new ProviderTotals { Failed = 1 });
    }

    [Fact]
    public async Task A_torn_stream_has_half_its_text_and_no_end()
    {
        using var request = Request("""{"model":"m","stream":true,"input":"reply:40 chunk:4 fault:cut"}""");
        using var answer = await _http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
        await Should.ThrowAsync<Exception>(() => answer.Content.ReadAsStringAsync());
        var entry = await _provider.Served.EndOfAsync("id-1");
        (entry.Ending, entry.OutputTokens).ShouldBe((ProviderEnding.Cut, 20));
    }

    private static HttpRequestMessage Request(string body) =>
        new(HttpMethod.Post, "/v1/responses") { Content = new StringContent(body, Encoding.UTF8, "application/json") };

    private async Task<HttpResponseMessage> PostAsync(string body)
    {
        using var request = Request(body);
        return await _http.SendAsync(request);
    }
}
