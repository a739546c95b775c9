using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using Quota.TestKit;

namespace Quota.Gateway.Tests.Providers.Generic;

/// <summary>Any HTTP API behind a running gateway: every method and path below its name, one event a call, metered as declared.</summary>
public sealed class GenericCallTests : IAsyncLifetime
{
    private const string Limits = """
        - { code: spend, scope: acme, meter: spend, amount: "1000", window: { kind: month } }
        - { code: pages, scope: acme, meter: images, amount: "100", window: { kind: day }, selector: { endpoints: [other] } }
        - { code: in, scope: acme, meter: bytes_in, amount: "20000000", window: { kind: day } }
        - { code: rpm, scope: acme/research/bob, meter: requests, amount: "1", window: { kind: rate, every: minute } }
        - { code: few, scope: acme/product, meter: images, amount: "8", window: { kind: month } }
        """;

    private readonly HttpClient _http = new(new SocketsHttpHandler { UseProxy = false });
    private AnyServer _server = null!;
    private LimitScene _scene = null!;

    public async ValueTask InitializeAsync()
    {
        _server = await AnyServer.StartAsync();
        var (redis, provider) = (await RedisServer.StartAsync(appendOnly: true), await FakeProvider.StartAsync());
        var yaml = LimitScene.Yaml(provider, Limits)
            .Replace("\norgs:", $$"""

                  ocr: { protocol: generic, base_url: "{{_server.BaseUrl}}/base", credential: { env: {{GatewayProcess.CredentialVariable}} }, meter: { images: { json: "data.items[1].count", most: 10 } } }
                  voice: { protocol: generic, base_url: "{{_server.BaseUrl}}", credential: { env: {{GatewayProcess.CredentialVariable}} }, options: { credential_header: x-voice-key }, model: { header: x-model }, meter: { seconds: { header: x-duration, most: 30 } } }
                orgs:
                """.Replace("\n                ", "\n", StringComparison.Ordinal), StringComparison.Ordinal)
            .Replace("prices:\n  models:\n", """
                prices:
                  models:
                    ocr: { provider: generic, input: "0", output: "0", per_request: "0.5", per_image: "0.01" }
                    voice/large: { provider: generic, input: "0", output: "0", per_second: "0.2" }

                """.ReplaceLineEndings("\n").Replace("\n                ", "\n", StringComparison.Ordinal), StringComparison.Ordinal);
        _scene = new LimitScene { Redis = redis, Provider = provider, Gateway = await GatewayProcess.StartAsync(yaml, redis) };
    }

    public async ValueTask DisposeAsync()
    {
        _http.Dispose();
        await _scene.DisposeAsync();
        await _server.DisposeAsync();
    }

    [Theory]
    [InlineData("GET", 0)]
    [InlineData("POST", 70_000)]
    [InlineData("POST", 12_000_000)]   // more than is ever kept of a body (Limits__MaxBodyBytes)
    [InlineData("PUT", 3)]
    [InlineData("DELETE", 0)]
    [InlineData("PATCH", 10)]
    public async Task Any_method_is_one_event_with_what_the_answer_says(string method, int bytes)
    {
        var (status, text) = await SendAsync(new HttpMethod(method), "/ocr/v1/a%2Fb/some%20page/count?lang=de&key=x&deep=1", LimitScene.Ada, bytes > 0 ? new ByteArrayContent(new byte[bytes]) : null);
        (status, text).ShouldBe((HttpStatusCode.OK, AnyServer.CountAnswer));
        var asked = _server.Asked.Single();
        (asked.Method, asked.Target, asked.Bytes).ShouldBe((method, "/base/v1/a%2Fb/some%20page/count?lang=de&deep=1", bytes));
        asked.Headers["Authorization"].ShouldBe("Bearer " + FakeProvider.DefaultCredential);
        var (it, usage) = await EventAsync();
        (Text(it, "provider"), Text(it, "upstream"), Text(it, "route"), Text(it, "model"), Text(it, "status")).ShouldBe(("generic", "ocr", "/ocr", "ocr", "completed"));
        it.GetProperty("estimated").GetBoolean().ShouldBeFalse();
        (Count(usage, "requests"), Count(usage, "images"), Count(usage, "bytes_in"), Count(usage, "bytes_out"), Count(usage, "input_tokens"))
            .ShouldBe((1, 3, bytes, AnyServer.CountAnswer.Length, 0));
        decimal.Parse(Text(it, "cost")!, CultureInfo.InvariantCulture).ShouldBe(0.53m);   // half a dollar, and three pages at a cent
        await _scene.SettledAsync("spend", 0.53m);
        await _scene.SettledAsync("pages", 3);
        await _scene.SettledAsync("in", bytes);
    }

    [Fact]
    public async Task Headers_name_the_model_and_tell_seconds()
    {
        var (status, _) = await SendAsync(HttpMethod.Get, "/voice/header", LimitScene.Ada, null, ("x-model", "large"));
        status.ShouldBe(HttpStatusCode.OK);
        var asked = _server.Asked.Single();
        (asked.Headers["x-voice-key"], asked.Headers.ContainsKey("Authorization"), asked.Target).ShouldBe((FakeProvider.DefaultCredential, false, "/header"));
        var (it, usage) = await EventAsync();
        (Text(it, "model"), Count(usage, "seconds")).ShouldBe(("voice/large", 3));
        decimal.Parse(Text(it, "cost")!, CultureInfo.InvariantCulture).ShouldBe(0.6m);
        (await SendAsync(HttpMethod.Get, "/voice/header", LimitScene.Ada, null)).Status.ShouldBe(HttpStatusCode.BadRequest);   // it names no model
        (await SendAsync(HttpMethod.Get, "/voice/header", LimitScene.Ada, null, ("x-model", "small"))).Status.ShouldBe(HttpStatusCode.ServiceUnavailable);   // without a price
    }

    [Fact]
    public async Task What_the_answer_does_not_say_counts_as_the_most_and_says_so()
    {
        (await SendAsync(HttpMethod.Get, "/ocr/large", LimitScene.Ada, null)).Text.Length.ShouldBe(AnyServer.LargeBytes);
        var (it, usage) = await EventAsync();
        (it.GetProperty("estimated").GetBoolean(), Count(usage, "images"), Count(usage, "bytes_out")).ShouldBe((true, 10, AnyServer.LargeBytes));
        await _scene.SettledAsync("pages", 10);
    }

    [Fact]
    public async Task A_body_that_does_not_say_its_length_may_be_as_long_as_any()
    {
        using var body = new StreamContent(new MemoryStream(new byte[10]));
        using var request = new HttpRequestMessage(HttpMethod.Post, _scene.Gateway.Url + "/ocr/count") { Content = body };
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", LimitScene.Ada);
        request.Headers.TransferEncodingChunked = true;
        using var answer = await _http.SendAsync(request);
        JsonElement.Parse(await answer.Content.ReadAsStringAsync()).GetProperty("quota").GetProperty("limit").GetString().ShouldBe("in");
        answer.StatusCode.ShouldBe(HttpStatusCode.BadRequest);
    }

    [Fact]
    public async Task An_error_of_the_upstream_counts_nothing()
    {
        (await SendAsync(HttpMethod.Get, "/ocr/fail", LimitScene.Ada, null)).Status.ShouldBe(HttpStatusCode.InternalServerError);
        var (it, usage) = await EventAsync();
        (Text(it, "status"), Count(usage, "requests"), Count(usage, "images")).ShouldBe(("failed", 0, 0));
        await _scene.SettledAsync("spend", 0);
    }

    [Theory]
    [InlineData("/ocr/..%2Fadmin")]
    [InlineData("/ocr/a/%2e%2e%2f..%2Fadmin")]
    [InlineData("/ocr2/count")]
    [InlineData("/nobody")]
    [InlineData("/")]
    public async Task What_is_not_below_its_name_is_no_route(string path)
    {
        (await SendRawAsync(path)).ShouldStartWith("HTTP/1.1 404");
        _server.Asked.ShouldBeEmpty();
    }

    [Fact]
    public async Task An_escaped_dot_stays_escaped()
    {
        (await SendRawAsync("/ocr/%252e%252e/count")).ShouldStartWith("HTTP/1.1 200");
        _server.Asked.Single().Target.ShouldBe("/base/%252e%252e/count");
    }

    [Fact]
    public async Task Refusals_are_in_openais_words()
    {
        async Task Expect(string key, int status, string code)
        {
            var (answered, text) = await SendAsync(HttpMethod.Get, "/ocr/count", key, null);
            ((int)answered).ShouldBe(status, text);
            JsonElement.Parse(text).GetProperty("error").GetProperty("code").GetString().ShouldBe(code);
        }
        await Expect("qk_unknown_0123456789", 401, "invalid_api_key");
        await Expect(LimitScene.Guest, 403, "model_not_allowed");
        await Expect(LimitScene.Robot, 400, "quota_never_fits");   // ten pages may come, and eight are all there are
        (await SendAsync(HttpMethod.Get, "/ocr/count", LimitScene.Bob, null)).Status.ShouldBe(HttpStatusCode.OK);
        await Expect(LimitScene.Bob, 429, "rate_limit_exceeded");
    }

    [Theory]
    [InlineData("x-api-key")]
    [InlineData("api-key")]
    [InlineData("x-goog-api-key")]
    public async Task The_key_may_stand_in_any_of_its_headers_and_goes_no_further(string header)
    {
        var (status, _) = await SendAsync(HttpMethod.Get, "/ocr/count", null, null, (header, LimitScene.Ada));
        (status, _server.Asked.Single().Headers.ContainsKey(header)).ShouldBe((HttpStatusCode.OK, false));
    }

    private async Task<(HttpStatusCode Status, string Text)> SendAsync(HttpMethod method, string path, string? key, HttpContent? body, params (string Name, string Value)[] headers)
    {
        using var request = new HttpRequestMessage(method, _scene.Gateway.Url + path) { Content = body };
        if (key is not null)
            request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", key);
        foreach (var (name, value) in headers)
            request.Headers.Add(name, value);
        using var answer = await _http.SendAsync(request);
        return (answer.StatusCode, await answer.Content.ReadAsStringAsync());
    }

    /// <summary>The answer's first bytes to a path as it stands: a client's library would tidy it.</summary>
    private async Task<string> SendRawAsync(string path)
    {
        using var client = new TcpClient();
        await client.ConnectAsync("127.0.0.1", new Uri(_scene.Gateway.Url).Port);
        var stream = client.GetStream();
        await stream.WriteAsync(Encoding.ASCII.GetBytes($"GET {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {LimitScene.Ada}\r\nConnection: close\r\n\r\n"));
        using var reader = new StreamReader(stream);
        return await reader.ReadToEndAsync();
    }

    private async Task<(JsonElement Event, JsonElement Usage)> EventAsync()
    {
        var it = (await _scene.Gateway.EventsAsync(1)).Single();
        return (it, it.GetProperty("usage"));
    }

    private static string? Text(JsonElement it, string field) => it.GetProperty(field).GetString();

    private static long Count(JsonElement usage, string unit) => usage.TryGetProperty(unit, out var count) ? count.GetInt64() : 0;
}
