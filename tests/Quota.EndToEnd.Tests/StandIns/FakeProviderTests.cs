using System.ClientModel;
using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using OpenAI;
using OpenAI.Chat;
using Quota.TestKit;

namespace Quota.EndToEnd.Tests.StandIns;

public sealed class FakeProviderTests : IAsyncLifetime
{
    private FakeProvider _provider = null!;
    private HttpClient _http = null!;

    public async ValueTask InitializeAsync()
    {
        _provider = await FakeProvider.StartAsync();
        // Without draining, a client that stops reading closes its connection at once.
        _http = new HttpClient(new SocketsHttpHandler { ResponseDrainTimeout = TimeSpan.Zero }) { BaseAddress = new Uri(_provider.BaseUrl) };
        _http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", FakeProvider.DefaultCredential);
    }

    public async ValueTask DisposeAsync()
    {
        _http.Dispose();
        await _provider.DisposeAsync();
    }

    [Theory]
    [InlineData("one two  three\nfour\ttab", null, 5, 16)]
    [InlineData("reply:3", null, 1, 3)]
    [InlineData("say reply:40 please", 10, 3, 10)]
    [InlineData("short", 4, 1, 4)]
    [InlineData("", null, 0, 16)]
    [InlineData("caf\u00e9 \"quoted\" back\\slash reply:0", null, 4, 0)]
    public async Task Words_are_tokens_and_the_bound_holds(string prompt, int? bound, int input, int output)
    {
        var answer = await ChatAsync(new { model = "gpt-4o-mini", messages = new[] { new { role = "user", content = prompt } }, max_completion_tokens = bound });
        answer["usage"]!["prompt_tokens"]!.GetValue<int>().ShouldBe(input);
        answer["usage"]!["completion_tokens"]!.GetValue<int>().ShouldBe(output);
        answer["usage"]!["total_tokens"]!.GetValue<int>().ShouldBe(input + output);
        var text = answer["choices"]![0]!["message"]!["content"]!.GetValue<string>();
        text.Split(' ', StringSplitOptions.RemoveEmptyEntries).Length.ShouldBe(output);
        answer["choices"]![0]!["finish_reason"]!.GetValue<string>().ShouldBe(bound is null ? "stop" : "length");
    }

    [Fact]
    public async Task Every_message_and_text_part_counts_and_nothing_else()
    {
        const string body = """
            {"stream":false,"messages":[{"role":"system","content":"be brief"},
             {"role":"user","name":"not counted here","content":[{"type":"text","text":"two words"},{"type":"image_url","image_url":{"url":"a b c"}},{"type":"text","text":"reply:2"}]},
             {"role":"assistant","content":null}],"metadata":{"content":"no no"},"model":"m","max_tokens":7}
            """;
        var answer = await ChatAsync(body);
        answer["usage"]!["prompt_tokens"]!.GetValue<int>().ShouldBe(5);
        answer["usage"]!["completion_tokens"]!.GetValue<int>().ShouldBe(2);
        answer["model"]!.GetValue<string>().ShouldBe("m");
    }

    [Theory]
    [InlineData(true, 100)]
    [InlineData(false, 100)]
    [InlineData(true, 1)]
    [InlineData(true, 0)]
    public async Task A_stream_has_OpenAIs_shape(bool includeUsage, int tokens)
    {
        var options = includeUsage ? ",\"stream_options\":{\"include_usage\":true}" : "";
        var lines = await StreamAsync($$"""{"model":"gpt-4o-mini","stream":true{{options}},"messages":[{"role":"user","content":"hello reply:{{tokens}}"}]}""");
        lines[^1].ShouldBe("[DONE]");
        var chunks = lines[..^1].Select(l => JsonNode.Parse(l)!.AsObject()).ToList();
        chunks[0]["choices"]![0]!["delta"]!["role"]!.GetValue<string>().ShouldBe("assistant");
        var content = string.Concat(chunks.Where(c => c["choices"]!.AsArray().Count > 0).Select(c => c["choices"]![0]!["delta"]!["content"]?.GetValue<string>()));
        content.Split(' ', StringSplitOptions.RemoveEmptyEntries).Length.ShouldBe(tokens);
        chunks.Count.ShouldBeLessThanOrEqualTo(1 + 32 + 1 + 1);
        chunks.Count(c => c["choices"]!.AsArray() is [{ } only] && only["finish_reason"] is not null).ShouldBe(1);
        chunks.ShouldAllBe(c => c["object"]!.GetValue<string>() == "chat.completion.chunk");
        if (includeUsage)
        {
            chunks[^1]["choices"]!.AsArray().Count.ShouldBe(0);
            chunks[^1]["usage"]!["completion_tokens"]!.GetValue<int>().ShouldBe(tokens);
            chunks[..^1].ShouldAllBe(c => c.ContainsKey("usage") && c["usage"] == null);
        }
        else
        {
            chunks.ShouldAllBe(c => !c.ContainsKey("usage"));
        }
    }

    [Theory]
    [InlineData("fault:500", HttpStatusCode.InternalServerError)]
    [InlineData("fault:429", HttpStatusCode.TooManyRequests)]
    public async Task Faults_answer_with_an_error_and_bill_nothing(string fault, HttpStatusCode status)
    {
        using var answer = await PostAsync(Prompt(fault));
        answer.StatusCode.ShouldBe(status);
        JsonNode.Parse(await answer.Content.ReadAsStringAsync())!["error"]!["message"].ShouldNotBeNull();
        _provider.Served.Totals.ShouldBe(new ProviderTotals { Failed = 1 });
    }

    [Theory]
    [InlineData("{")]
    [InlineData("[]")]
    [InlineData("""{"model":"m"}""")]
    [InlineData("""{"messages":[]}""")]
    [InlineData("""{"model":"m","messages":[],"max_tokens":-1}""")]
    [InlineData("""{"model":"m","messages":[],"max_tokens":99999999999}""")]
    [InlineData("""{"model":7,"messages":[]}""")]
    [InlineData("""{"model":"m","messages":[]} trailing""")]
    public async Task Bad_requests_are_refused(string body)
    {
        using var answer = await PostAsync(body);
        answer.StatusCode.ShouldBe(HttpStatusCode.BadRequest);
    }

    [Fact]
    public async Task Another_credential_is_refused()
    {
        _http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", "qk_live_ours");
        using var answer = await PostAsync(Prompt("hello"));
        answer.StatusCode.ShouldBe(HttpStatusCode.Unauthorized);
    }

    [Fact]
    public async Task A_cut_stream_ends_without_done_and_is_counted_apart()
    {
        using var request = Request(Prompt("fault:cut reply:100", stream: true));
        using var answer = await _http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
        await Should.ThrowAsync<HttpRequestException>(() => answer.Content.CopyToAsync(Stream.Null));
        var totals = _provider.Served.Totals;
        totals.ShouldBe(new ProviderTotals { Cut = 1, CutInputTokens = 2, CutOutputTokens = 50 });
    }

    [Fact]
    public async Task A_cut_json_answer_breaks_the_connection()
    {
        await Should.ThrowAsync<Exception>(async () =>
        {
            using var answer = await PostAsync(Prompt("fault:cut reply:100"));
            await answer.Content.ReadAsStringAsync();
        });
        _provider.Served.Totals.Cut.ShouldBe(1);
    }

    [Fact]
    public async Task Hanging_ends_when_the_caller_goes_and_a_paced_stream_notices_it()
    {
        using var soon = new CancellationTokenSource(TimeSpan.FromMilliseconds(100));
        await Should.ThrowAsync<OperationCanceledException>(async () => (await _http.SendAsync(Request(Prompt("fault:hang")), soon.Token)).Dispose());
        _provider.Served.Totals.Failed.ShouldBe(1);

        using (var answer = await _http.SendAsync(Request(Prompt("pace:50 reply:1000", stream: true)), HttpCompletionOption.ResponseHeadersRead))
        {
            await using var stream = await answer.Content.ReadAsStreamAsync();
            (await stream.ReadAsync(new byte[64])).ShouldBeGreaterThan(0);
        }

        await Eventually.TrueAsync("the cut is noticed", () => _provider.Served.Totals.Cut == 1);
        _provider.Served.Totals.CutOutputTokens.ShouldBeInRange(1, 999);
    }

    [Fact]
    public async Task No_usage_means_none_in_either_style()
    {
        (await ChatAsync(Prompt("fault:no-usage"))).ContainsKey("usage").ShouldBeFalse();
        var lines = await StreamAsync("""{"model":"m","stream":true,"stream_options":{"include_usage":true},"messages":[{"content":"fault:no-usage"}]}""");
        lines.ShouldAllBe(l => !l.Contains("\"usage\""));
    }

    [Fact]
    public async Task The_log_is_readable_over_http()
    {
        using var request = Request(Prompt("a b reply:5"));
        request.Headers.Add("x-request-id", "id-1");
        (await _http.SendAsync(request)).Headers.GetValues("x-request-id").Single().ShouldStartWith("req_");
        await ChatAsync(Prompt("c reply:2", stream: false));
        using var anonymous = new HttpClient { BaseAddress = _http.BaseAddress };
        var totals = JsonNode.Parse(await anonymous.GetStringAsync("/_log/totals"))!;
        totals["requests"]!.GetValue<long>().ShouldBe(2);
        totals["input_tokens"]!.GetValue<long>().ShouldBe(5);
        totals["output_tokens"]!.GetValue<long>().ShouldBe(7);
        var entries = JsonNode.Parse(await anonymous.GetStringAsync("/_log/entries"))!["entries"]!.AsArray();
        entries[0]!["request_id"]!.GetValue<string>().ShouldBe("id-1");
        JsonNode.Parse(await anonymous.GetStringAsync("/_log/entries?after=1"))!["entries"]!.AsArray().Count.ShouldBe(1);
    }

    [Fact]
    public async Task The_official_client_reads_both_styles()
    {
        var client = new ChatClient("gpt-4o-mini", new ApiKeyCredential(FakeProvider.DefaultCredential),
            new OpenAIClientOptions { Endpoint = new Uri(_provider.BaseUrl + "/v1") });
        ChatCompletion whole = await client.CompleteChatAsync("five words of prompt reply:9");
        whole.Usage.InputTokenCount.ShouldBe(5);
        whole.Usage.OutputTokenCount.ShouldBe(9);
        whole.FinishReason.ShouldBe(ChatFinishReason.Stop);
        var text = new StringBuilder();
        ChatTokenUsage? usage = null;
        await foreach (var update in client.CompleteChatStreamingAsync("reply:70"))
        {
            text.Append(string.Concat(update.ContentUpdate.Select(c => c.Text)));
            usage ??= update.Usage;
        }

        text.ToString().Split(' ').Length.ShouldBe(70);
        usage!.OutputTokenCount.ShouldBe(70);
    }

    private static string Prompt(string text, bool stream = false) =>
        JsonSerializer.Serialize(new { model = "gpt-4o-mini", stream, messages = new[] { new { role = "user", content = text } } });

    private static HttpRequestMessage Request(string body) => new(HttpMethod.Post, "/v1/chat/completions")
    {
        Content = new StringContent(body, Encoding.UTF8, "application/json"),
    };

    private async Task<HttpResponseMessage> PostAsync(string body)
    {
        using var request = Request(body);
        return await _http.SendAsync(request);
    }

    private Task<JsonObject> ChatAsync(object body) => ChatAsync(JsonSerializer.Serialize(body));

    private async Task<JsonObject> ChatAsync(string body)
    {
        using var answer = await PostAsync(body);
        answer.StatusCode.ShouldBe(HttpStatusCode.OK);
        return JsonNode.Parse(await answer.Content.ReadAsStringAsync())!.AsObject();
    }

    private async Task<List<string>> StreamAsync(string body)
    {
        using var answer = await PostAsync(body);
        answer.StatusCode.ShouldBe(HttpStatusCode.OK);
        answer.Content.Headers.ContentType!.MediaType.ShouldBe("text/event-stream");
        var events = (await answer.Content.ReadAsStringAsync()).Split("\n\n", StringSplitOptions.RemoveEmptyEntries);
        events.ShouldAllBe(e => e.StartsWith("data: "));
        return [.. events.Select(e => e[6..])];
    }
}
