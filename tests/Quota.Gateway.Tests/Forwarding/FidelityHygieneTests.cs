using System.Text;

namespace Quota.Gateway.Tests.Forwarding;

/// <summary>What a request may not bring along, how it may not be framed, and who says "continue".</summary>
public sealed class FidelityHygieneTests(FidelityScene scene) : IClassFixture<FidelityScene>
{
    private const string Chat = """{"model":"gpt-4o-mini","messages":[{"role":"user","content":"hi"}],"max_tokens":5}""";

    private const string Answer = """{"id":"x","object":"chat.completion","choices":[],"usage":{"prompt_tokens":7,"completion_tokens":3,"total_tokens":10}}""";

    private static int _number;

    [Theory]
    [InlineData("X-Latin", "caf\u00c3\u00a9")]   // UTF-8
    [InlineData("x_under_score", "1")]
    [InlineData("X-Empty", "")]
    [InlineData("X-Long", "(16,000)")]
    [InlineData("User-Agent", "odd/1 (x; y) z")]
    [InlineData("Content-Type", "application/x; charset=\"odd\"")]
    [InlineData("Content-Language", "de, en")]
    [InlineData("If-None-Match", "W/\"1\", \"2\"")]
    [InlineData("If-Modified-Since", "yesterday")]
    [InlineData("Range", "bytes=0-1,5-")]
    [InlineData("Accept", "text/*;q=0.3, */*")]
    [InlineData("X-Goog-Api-Client", "gl-python/3.12")]
    [InlineData("X-Goog-FieldMask", "places.id")]
    [InlineData("OpenAI-Beta", "assistants=v2")]
    [InlineData("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")]
    public async Task A_requests_header_passes(string name, string value)
    {
        value = value == "(16,000)" ? new string('x', 16_000) : value;
        (await SendAsync($"{name}: {value}")).Values(name).ShouldBe([value]);
    }

    [Fact]
    public async Task A_header_that_stands_twice_means_the_same_upstream() =>
        string.Join(", ", (await SendAsync("X-Two: a\nX-Two: b, c")).Values("X-Two")).ShouldBe("a, b, c");

    [Theory]
    [InlineData("X-Forwarded-For: 1.2.3.4")] [InlineData("X-Forwarded-Host: x")] [InlineData("x-forwarded-anything: x")] [InlineData("Forwarded: for=1.2.3.4")] [InlineData("Via: 1.1 x")]
    [InlineData("X-Real-IP: 1.2.3.4")] [InlineData("True-Client-IP: 1.2.3.4")] [InlineData("CF-Connecting-IP: 1.2.3.4")] [InlineData("X-Client-IP: 1.2.3.4")] [InlineData("X-Original-For: 1.2.3.4")]
    [InlineData("OpenAI-Organization: org-1")] [InlineData("OpenAI-Project: p")] [InlineData("ChatGPT-Account-ID: a")] [InlineData("X-Goog-User-Project: p")] [InlineData("X-Goog-IAM-Authorization-Token: t")]
    [InlineData("Ocp-Apim-Subscription-Key: k")] [InlineData("X-Amz-Security-Token: t")] [InlineData("x-ms-client-principal: p")] [InlineData("x-ms-client-principal-name: p")] [InlineData("From: ada@example.com")]
    [InlineData("Cookie: a=b")] [InlineData("Idempotency-Key: i")] [InlineData("x-api-key: sk-own")] [InlineData("api-key: sk-own")] [InlineData("x-goog-api-key: own")] [InlineData("Proxy-Authorization: Basic x")]
    [InlineData("Keep-Alive: timeout=5")] [InlineData("TE: gzip")] [InlineData("Upgrade: websocket")] [InlineData("HTTP2-Settings: x")]
    public async Task Identity_origin_and_what_is_of_one_connection_stay_here(string header)
    {
        var head = (await SendAsync(header)).Head;
        RawClient.Values(head, header.Split(':')[0]).ShouldBeEmpty(head);
    }

    [Fact]
    public async Task What_the_connection_names_stays_here()
    {
        // Beside close, keep-alive or upgrade Kestrel forgets the other names: what it hands on is that one word.
        using var client = await RawClient.ConnectAsync(scene.Gateway.Url);
        var path = Next("HTTP/1.1 200 OK\nContent-Length: 0");
        await client.SendAsync(RawServer.Bytes(FidelityScene.Head($"GET /any{path}", "X-Hop: secret\nX-Hop-Two: secret\nX-End: stays\nConnection: X-Hop\nConnection: x-hop-two").ReplaceLineEndings("\r\n") + "\r\n\r\n"));
        (await client.HeadAsync()).ShouldStartWith("HTTP/1.1 200");
        var asked = scene.Server.Asked(path).ShouldHaveSingleItem();
        (asked.Values("X-Hop").Count, asked.Values("X-Hop-Two").Count, asked.Values("X-End").Count).ShouldBe((0, 0, 1), asked.Head);
    }

    [Theory]
    [InlineData("Content-Length: 5\nContent-Length: 6")]
    [InlineData("Content-Length: 5, 6")]
    [InlineData("Content-Length: -5")]
    [InlineData("Content-Length: 0x5")]
    [InlineData("Transfer-Encoding: xchunked")]
    [InlineData("Transfer-Encoding: chunked, identity")]
    [InlineData("Content-Length : 5")]
    [InlineData("X-Folded: a\n b")]
    [InlineData("Bad Name: a")]
    [InlineData("Host: other")]
    public async Task What_can_be_read_in_two_ways_is_refused(string header)
    {
        var path = Next("HTTP/1.1 200 OK\nContent-Length: 0");
        (await scene.AskAsync($"POST /any{path}", header, "hello"u8.ToArray())).Head.ShouldStartWith("HTTP/1.1 400 ");
        scene.Server.Asked(path).ShouldBeEmpty();
    }

    [Fact]
    public async Task A_length_goes_on_as_it_was_understood()
    {
        var path = Next("HTTP/1.1 200 OK\nContent-Length: 0");
        (await scene.AskAsync($"POST /any{path}", "Content-Length: +05", "hello"u8.ToArray())).Head.ShouldStartWith("HTTP/1.1 200 ");   // Kestrel takes the sign, RFC 9110, 8.6 does not
        scene.Server.Asked(path).ShouldHaveSingleItem().Values("Content-Length").ShouldBe(["5"]);
    }

    [Fact]
    public async Task Of_a_length_and_chunks_the_chunks_count_and_the_connection_ends()
    {
        // RFC 9112, 6.3: the encoding overrides the length; what follows it would be another's request, were the connection used on.
        using var client = await RawClient.ConnectAsync(scene.Gateway.Url);
        var (path, other) = (Next("HTTP/1.1 200 OK\nContent-Length: 0"), Next("HTTP/1.1 200 OK\nContent-Length: 0"));
        await client.SendAsync(RawServer.Bytes(FidelityScene.Head($"POST /any{path}", "Content-Length: 5\nTransfer-Encoding: chunked").ReplaceLineEndings("\r\n") + "\r\n\r\n0\r\n\r\n"
            + FidelityScene.Head($"GET /any{other}").ReplaceLineEndings("\r\n") + "\r\n\r\n"));
        var (head, rest) = await client.RestAsync();
        Encoding.Latin1.GetString(rest).ShouldNotContain("HTTP/1.1");
        scene.Server.Asked(other).ShouldBeEmpty();
        foreach (var asked in scene.Server.Asked(path))
            asked.Values("Content-Length").ShouldBeEmpty(head);
    }

    [Fact]
    public async Task Headers_have_their_limit()
    {
        var path = Next("HTTP/1.1 200 OK\nContent-Length: 0");
        (await scene.AskAsync($"GET /any{path}", "X-Large: " + new string('x', 32 * 1024))).Head.ShouldStartWith("HTTP/1.1 431 ");   // Kestrel's MaxRequestHeadersTotalSize, for all together
        (await scene.AskAsync($"GET /any{path}", string.Join('\n', Enumerable.Range(0, 101).Select(i => $"X-{i}: x")))).Head.ShouldStartWith("HTTP/1.1 431 ");   // MaxRequestHeaderCount
        (await scene.AskAsync($"GET /any{path}?{new string('x', 9_000)}")).Head.ShouldStartWith("HTTP/1.1 414 ");   // MaxRequestLineSize
        scene.Server.Asked(path).ShouldBeEmpty();
    }

    [Fact]
    public async Task A_query_that_names_an_identity_or_leaves_parts_away_does_not_go_along_with_what_is_free()
    {
        const string path = "/v1beta/models/gemini-2.5-flash:countTokens";
        scene.Server.Answer(path, "HTTP/1.1 200 OK\nContent-Length: 19", """{"totalTokens": 31}"""u8.ToArray());
        using var request = scene.Request(HttpMethod.Post, path + "?access_token=own&%61ccess_token=own&oauth_token=own&quotaUser=u&fields=x&$fields=x&prettyPrint=true&alt=json", new StringContent("""{"contents":[]}"""));
        request.Headers.Add("X-Goog-FieldMask", "x");
        using var answer = await scene.Http.SendAsync(request);
        (await answer.Content.ReadAsStringAsync()).ShouldBe("""{"totalTokens": 31}""");
        var asked = scene.Server.Asked(path)[^1];
        (asked.Target, asked.Values("X-Goog-FieldMask").Count).ShouldBe((path + "?prettyPrint=true&alt=json", 0));
    }

    [Theory]
    [InlineData("/v1/chat/completions", Chat, 1)]
    [InlineData("/any/tunnel", Chat, 1)]
    [InlineData("/v1beta/models/gemini-2.5-flash:countTokens", """{"contents":[]}""", 0)]
    public async Task There_is_no_tunnel_past_the_meter(string path, string body, int events)
    {
        scene.Server.Answer(path.Replace("/any", "", StringComparison.Ordinal), "HTTP/1.1 101 Switching Protocols\nUpgrade: websocket", "tunnelled"u8.ToArray());
        var bytes = Encoding.UTF8.GetBytes(body);
        var (head, answer) = await scene.AskAsync($"POST {path}", $"Connection: Upgrade\nUpgrade: websocket\nContent-Type: application/json\nContent-Length: {bytes.Length}", bytes);
        head.ShouldStartWith("HTTP/1.1 502 ");
        Encoding.UTF8.GetString(answer).ShouldNotContain("tunnelled");
        await scene.NothingHeldAsync();
        if (events > 0)
            (await scene.EventOfAsync(FidelityScene.IdOf(head))).GetProperty("status").GetString().ShouldBe("failed");
    }

    [Fact]
    public async Task Who_reads_a_body_says_continue_and_does_not_ask_for_it_again()
    {
        scene.Server.Answer("/v1/chat/completions", $"HTTP/1.1 200 OK\nContent-Length: {Answer.Length}", RawServer.Bytes(Answer));
        using var client = await RawClient.ConnectAsync(scene.Gateway.Url);
        await client.SendAsync(Expecting("/v1/chat/completions", Chat.Length));
        (await client.HeadAsync()).ShouldStartWith("HTTP/1.1 100 Continue\r\n");
        await client.SendAsync(RawServer.Bytes(Chat));
        var (head, body) = await client.RestAsync();
        head.ShouldStartWith("HTTP/1.1 200");
        Encoding.Latin1.GetString(body).ShouldBe(Answer);
        scene.Server.Asked("/v1/chat/completions")[^1].Values("Expect").ShouldBeEmpty();
    }

    [Theory]
    [InlineData("/v1/chat/completions", 100, "qk_unknown_0123456789", 401)]
    [InlineData("/any/x", 100, "qk_unknown_0123456789", 401)]
    [InlineData("/v1/chat/completions", 11 << 20, FidelityScene.Ada, 413)]
    [InlineData("/any/x", 33 << 20, FidelityScene.Ada, 413)]
    [InlineData("/v1/audio/transcriptions", 33 << 20, FidelityScene.Ada, 413)]
    public async Task Who_refuses_does_not_say_continue(string path, int length, string key, int status)
    {
        using var client = await RawClient.ConnectAsync(scene.Gateway.Url);
        await client.SendAsync(Expecting(path, length, key));
        (await client.HeadAsync()).ShouldStartWith($"HTTP/1.1 {status} ");
        scene.Server.Asked(path[4..]).ShouldBeEmpty();
    }

    private static byte[] Expecting(string path, int length, string key = FidelityScene.Ada) =>
        RawServer.Bytes(FidelityScene.Head($"POST {path}", $"Expect: 100-continue\nConnection: close\nContent-Type: application/json\nContent-Length: {length}", key).ReplaceLineEndings("\r\n") + "\r\n\r\n");

    private string Next(string answer)
    {
        var path = $"/ask-{Interlocked.Increment(ref _number)}";
        scene.Server.Answer(path, answer);
        return path;
    }

    private async Task<RawRequest> SendAsync(string headers)
    {
        var path = Next("HTTP/1.1 200 OK\nContent-Length: 0");
        var (head, _) = await scene.AskAsync($"POST /any{path}", headers + "\nContent-Length: 2", "hi"u8.ToArray());
        head.ShouldStartWith("HTTP/1.1 200");
        return scene.Server.Asked(path).ShouldHaveSingleItem();
    }
}
