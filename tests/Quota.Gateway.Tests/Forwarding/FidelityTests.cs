using System.IO.Compression;
using System.Net;
using System.Security.Cryptography;
using System.Text;

namespace Quota.Gateway.Tests.Forwarding;

/// <summary>A client gets what the upstream says: status, reason, headers, bytes, trailers, whatever the method.</summary>
public sealed class FidelityTests(FidelityScene scene) : IClassFixture<FidelityScene>
{
    private const string Json = "{\"id\":\"x\",\"object\":\"chat.completion\",\"model\":\"gpt-4o-mini\",\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"h\u00e9\"},\"finish_reason\":\"stop\"}],  \"usage\":{\"prompt_tokens\":7,\"completion_tokens\":3,\"total_tokens\":10}}\n";

    private const string Events = "data: {\"id\":\"x\",\"object\":\"chat.completion.chunk\",\"model\":\"gpt-4o-mini\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"hi\"},\"finish_reason\":\"stop\"}]}\n\n"
        + "data: {\"id\":\"x\",\"object\":\"chat.completion.chunk\",\"model\":\"gpt-4o-mini\",\"choices\":[],\"usage\":{\"prompt_tokens\":7,\"completion_tokens\":3,\"total_tokens\":10}}\n\ndata: [DONE]\n\n";

    [Theory]
    [InlineData(200)] [InlineData(201)] [InlineData(202)] [InlineData(203)] [InlineData(204)] [InlineData(206)]
    [InlineData(300)] [InlineData(301)] [InlineData(302)] [InlineData(303)] [InlineData(304)] [InlineData(307)] [InlineData(308)]
    [InlineData(400)] [InlineData(401)] [InlineData(407)] [InlineData(409)] [InlineData(410)] [InlineData(418)] [InlineData(422)] [InlineData(429)] [InlineData(451)]
    [InlineData(500)] [InlineData(501)] [InlineData(503)] [InlineData(529)] [InlineData(599)]
    public async Task A_status_passes_with_its_reason_and_nobody_is_redirected(int status)
    {
        var path = $"/status-{status}";
        scene.Server.Answer(path, $"HTTP/1.1 {status} Peculiar Words\nLocation: {scene.Server.BaseUrl}/elsewhere?a=b{(status is 204 or 304 ? "" : "\nContent-Length: 0")}");
        var (head, body) = await scene.AskAsync($"GET /any{path}");
        head.ShouldStartWith($"HTTP/1.1 {status} Peculiar Words\r\n");
        RawClient.Values(head, "Location").ShouldBe([$"{scene.Server.BaseUrl}/elsewhere?a=b"]);
        body.ShouldBeEmpty();
        scene.Server.Asked(path).Count.ShouldBe(1);
        scene.Server.Asked("/elsewhere").ShouldBeEmpty();
        (await scene.EventOfAsync(FidelityScene.IdOf(head))).GetProperty("http_status").GetInt32().ShouldBe(status);
    }

    [Fact]
    public async Task An_answers_headers_pass_as_bytes_but_those_of_one_connection_and_of_our_account()
    {
        const string passed = "X-Latin: caf\u00e9\nX-Utf: caf\u00c3\u00a9\nX-Two: a\nX-Two: b, c\nX-Empty:\nETag: W/\"1\"\nWWW-Authenticate: Basic realm=\"a, b\"\nContent-Type: text/plain; charset=x\nDate: Tue, 03 Feb 2026 01:02:03 GMT\nServer: odd/1 (x)\nVary: *\nx_under: 1";
        scene.Server.Answer("/headers", $"HTTP/1.1 200 OK\nContent-Length: 0\n{passed}\nSet-Cookie: a=b\nSet-Cookie: c=d\nKeep-Alive: timeout=5\nX-Hop: secret\nConnection: X-Hop\nProxy-Authenticate: Basic\nopenai-organization: us\nx-ratelimit-limit-requests: 1\nx-request-id: theirs");
        var (head, _) = await scene.AskAsync("GET /any/headers");
        foreach (var name in passed.Split('\n').Select(line => line.Split(':')[0]).Distinct())
            RawClient.Values(head, name).ShouldBe(RawClient.Values("\r\n" + passed.ReplaceLineEndings("\r\n"), name), name);
        foreach (var name in (string[])["Set-Cookie", "Keep-Alive", "X-Hop", "Proxy-Authenticate", "openai-organization", "x-ratelimit-limit-requests"])
            RawClient.Values(head, name).ShouldBeEmpty(name);
        FidelityScene.IdOf(head).ShouldNotBe("theirs");
    }

    [Theory]
    [InlineData("cafe", "")]
    [InlineData("cafe", "TE: trailers")]
    [InlineData("caf\u00e9", "")]
    public async Task Trailers_of_a_chunked_answer_reach_the_client(string late, string headers)
    {
        scene.Server.Answer("/trailers", "HTTP/1.1 200 OK\nTransfer-Encoding: chunked\nTrailer: X-Checksum, X-Late", RawServer.Chunked("hello"u8.ToArray(), 2, $"X-Checksum: abc\r\nX-Late: {late}\r\n"));
        var (head, body) = await scene.AskAsync("GET /any/trailers", headers);
        RawClient.Values(head, "Trailer").ShouldBe(["X-Checksum, X-Late"]);
        Encoding.Latin1.GetString(body).ShouldEndWith("\r\n0\r\nX-Checksum: abc\r\nX-Late: " + late + "\r\n\r\n");
    }

    public static TheoryData<int, string> Bodies() => new(
        from size in (int[])[0, 1, 16_383, 16_384, 16_385, 1 << 20] from framing in (string[])["length", "chunked", "close"] select (size, framing));

    [Theory]
    [MemberData(nameof(Bodies))]
    public async Task Bytes_pass_as_they_are(int size, string framing)
    {
        var (bytes, path) = (RandomNumberGenerator.GetBytes(size), $"/bytes-{size}-{framing}");
        scene.Server.Answer(path, "HTTP/1.1 200 OK\nContent-Type: application/octet-stream" + framing switch { "length" => $"\nContent-Length: {size}", "chunked" => "\nTransfer-Encoding: chunked", _ => "" },
            framing == "chunked" ? RawServer.Chunked(bytes) : bytes);
        using var request = scene.Request(HttpMethod.Post, "/any" + path, new ByteArrayContent(bytes));
        using var answer = await scene.Http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
        answer.Content.Headers.NonValidated.Contains("Content-Length").ShouldBe(framing == "length" || size == 0);   // Kestrel says how long nothing is
        (await answer.Content.ReadAsByteArrayAsync()).AsSpan().SequenceEqual(bytes).ShouldBeTrue();
        scene.Server.Asked(path).ShouldHaveSingleItem().Body.AsSpan().SequenceEqual(bytes).ShouldBeTrue();
        var usage = (await scene.EventOfAsync(answer.Headers.GetValues("x-request-id").Single())).GetProperty("usage");
        (usage.GetProperty("bytes_in").GetInt64(), usage.GetProperty("bytes_out").GetInt64()).ShouldBe((size, size));
    }

    [Theory]
    [InlineData("gzip", false, false)]
    [InlineData("gzip", true, false)]
    [InlineData("br", false, false)]
    [InlineData("br", true, true)]
    [InlineData("gzip", true, true)]
    [InlineData("", false, false)]
    public async Task A_compressed_answer_passes_as_it_is_and_is_read(string coding, bool chunked, bool stream)
    {
        var bytes = Compressed(stream ? Events : Json, coding);
        scene.Server.Answer("/v1/chat/completions", $"HTTP/1.1 200 OK\nContent-Type: {(stream ? "text/event-stream" : "application/json")}" + (coding.Length > 0 ? $"\nContent-Encoding: {coding}" : "")
            + (chunked ? "\nTransfer-Encoding: chunked" : $"\nContent-Length: {bytes.Length}"), chunked ? RawServer.Chunked(bytes, 7) : bytes);
        var asked = $$"""{"model":"gpt-4o-mini","messages":[{"role":"user","content":"é"}],"max_tokens":20{{(stream ? ",\"stream\":true,\"stream_options\":{\"include_usage\":true}" : "")}}}""";
        using var request = scene.Request(HttpMethod.Post, "/v1/chat/completions", new StringContent(asked, Encoding.UTF8, "application/json"));
        using var answer = await scene.Http.SendAsync(request);
        (await answer.Content.ReadAsByteArrayAsync()).ShouldBe(bytes);
        answer.Content.Headers.ContentEncoding.ShouldBe(coding.Length > 0 ? [coding] : []);
        if (!chunked)
            answer.Content.Headers.NonValidated["Content-Length"].ToString().ShouldBe($"{bytes.Length}");
        scene.Server.Asked("/v1/chat/completions")[^1].Body.ShouldBe(Encoding.UTF8.GetBytes(asked));
        var it = await scene.EventOfAsync(answer.Headers.GetValues("x-request-id").Single());
        (it.GetProperty("usage").GetProperty("input_tokens").GetInt64(), it.GetProperty("usage").GetProperty("output_tokens").GetInt64(), it.GetProperty("estimated").GetBoolean()).ShouldBe((7, 3, false));
    }

    [Theory]
    [InlineData("GET")] [InlineData("DELETE")] [InlineData("PUT")] [InlineData("PATCH")] [InlineData("OPTIONS")] [InlineData("PURGE")]
    public async Task A_method_passes_with_its_query_and_without_the_key(string method)
    {
        var path = $"/method-{method}";
        scene.Server.Answer(path, "HTTP/1.1 200 OK\nContent-Length: 2\nAllow: GET", "ok"u8.ToArray());
        var (head, body) = await RawClient.AskAsync(scene.Gateway.Url, $"{method} /any{path}?a=%2F+b&Key=x&key={FidelityScene.Ada}&c= HTTP/1.1\nHost: gateway\nx-api-key: {FidelityScene.Ada}\nOrigin: https://a.example\nAccess-Control-Request-Method: POST");
        head.ShouldStartWith("HTTP/1.1 200 OK\r\n");
        body.ShouldBe("ok"u8.ToArray());
        var asked = scene.Server.Asked(path).ShouldHaveSingleItem();
        (asked.Method, asked.Target, asked.Values("Content-Length").Count, asked.Values("Transfer-Encoding").Count).ShouldBe((method, path + "?a=%2F+b&c=", method is "GET" or "DELETE" or "OPTIONS" ? 0 : asked.Values("Content-Length").Count, 0));
        asked.Head.ShouldNotContain(FidelityScene.Ada);
    }

    [Fact]
    public async Task A_head_has_the_length_and_no_body()
    {
        scene.Server.Answer("/head", "HTTP/1.1 200 OK\nContent-Length: 12345\nContent-Type: text/plain");
        var (head, body) = await scene.AskAsync("HEAD /any/head");
        RawClient.Values(head, "Content-Length").ShouldBe(["12345"]);
        body.ShouldBeEmpty();
        (await scene.EventOfAsync(FidelityScene.IdOf(head))).GetProperty("status").GetString().ShouldBe("completed");
    }

    [Fact]
    public async Task A_list_of_models_has_a_head_too()
    {
        var (head, body) = await scene.AskAsync("GET /v1/models");
        var (asked, nothing) = await scene.AskAsync("HEAD /v1/models");
        head.ShouldStartWith("HTTP/1.1 200 OK\r\n");
        asked.ShouldStartWith("HTTP/1.1 200 OK\r\n");
        RawClient.Values(head, "Content-Length").ShouldBe([$"{body.Length}"]);
        RawClient.Values(asked, "Content-Length").ShouldBe([$"{body.Length}"]);
        nothing.ShouldBeEmpty();
    }

    [Fact]
    public async Task Nobody_is_told_what_other_origins_may_do()
    {
        var (head, _) = await scene.AskAsync("OPTIONS /v1/chat/completions", "Origin: https://a.example\nAccess-Control-Request-Method: POST");
        head.ShouldStartWith("HTTP/1.1 404");
        head.ShouldNotContain("Access-Control", Case.Insensitive);
    }

    private static byte[] Compressed(string text, string coding)
    {
        using var bytes = new MemoryStream();
        using (Stream? writer = coding switch { "gzip" => new GZipStream(bytes, CompressionLevel.Optimal), "br" => new BrotliStream(bytes, CompressionLevel.Optimal), _ => null })
            (writer ?? bytes).Write(Encoding.UTF8.GetBytes(text));
        return bytes.ToArray();
    }
}
