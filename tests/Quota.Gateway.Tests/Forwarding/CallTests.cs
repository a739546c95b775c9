using System.Net;
using System.Text;
using Quota.TestKit;
using static Quota.Gateway.Tests.StandaloneGateway;

namespace Quota.Gateway.Tests.Forwarding;

/// <summary>What a client sees, and the one event that each served call leaves.</summary>
public sealed class CallTests(StandaloneGateway gateway) : IClassFixture<StandaloneGateway>
{
    [Fact]
    public async Task A_json_call_is_answered_metered_and_settled()
    {
        var (before, _) = await gateway.StandingAsync("research-month");
        using var response = await gateway.PostAsync(Ada, Chat("one two three reply:7", ",\"max_completion_tokens\":50"));

        response.StatusCode.ShouldBe(HttpStatusCode.OK);
        var body = await JsonAsync(response);
        body.GetProperty("usage").GetProperty("prompt_tokens").GetInt32().ShouldBe(4);
        var usage = await gateway.EventOfAsync(response);
        usage.GetProperty("status").GetString().ShouldBe("completed");
        usage.GetProperty("usage").GetProperty("input_tokens").GetInt64().ShouldBe(4);
        usage.GetProperty("usage").GetProperty("output_tokens").GetInt64().ShouldBe(7);
        usage.TryGetProperty("estimated", out var estimated).ShouldBeTrue();
        estimated.GetBoolean().ShouldBeFalse();
        usage.GetProperty("cost").GetString().ShouldBe("0.0000048");   // 4 × 0.15 + 7 × 0.60 per million
        usage.GetProperty("counted").GetArrayLength().ShouldBe(3);
        await Eventually.TrueAsync("the spend is settled", async () => await gateway.StandingAsync("research-month") == (before + 0.0000048m, 0m));
    }

    [Fact]
    public async Task Headers_say_where_the_client_stands()
    {
        using var response = await gateway.PostAsync(Ada, Chat("hello", ",\"max_tokens\":5"));
        string Header(string name) => response.Headers.TryGetValues(name, out var values) ? string.Join("|", values) : "";
        Header("RateLimit-Policy").ShouldContain("\"ada-rpm\";q=600;w=60");
        Header("RateLimit").ShouldContain("\"acme-month\";r=");
        Header("x-ratelimit-limit-requests").ShouldBe("600");
        Guid.Parse(Header("x-request-id")).Version.ShouldBe(7);
    }

    [Fact]
    public async Task A_stream_hides_the_usage_chunk_from_a_client_that_did_not_ask()
    {
        using var response = await gateway.PostAsync(Ada, Chat("a b c reply:40", ",\"stream\":true"));
        var text = await response.Content.ReadAsStringAsync();

        response.Content.Headers.ContentType!.MediaType.ShouldBe("text/event-stream");
        text.ShouldNotContain("\"choices\":[]");
        text.ShouldEndWith("data: [DONE]\n\n");
        var usage = (await gateway.EventOfAsync(response)).GetProperty("usage");
        usage.GetProperty("input_tokens").GetInt64().ShouldBe(4);
        usage.GetProperty("output_tokens").GetInt64().ShouldBe(40);
    }

    [Fact]
    public async Task A_stream_shows_the_usage_chunk_to_a_client_that_asked()
    {
        using var response = await gateway.PostAsync(Ada, Chat("a b reply:3", ",\"stream\":true,\"stream_options\":{\"include_usage\":true}"));
        (await response.Content.ReadAsStringAsync()).ShouldContain("\"choices\":[]");
        (await gateway.EventOfAsync(response)).GetProperty("usage").GetProperty("output_tokens").GetInt64().ShouldBe(3);
    }

    [Theory]
    [InlineData(null, 401, "invalid_api_key")]
    [InlineData("qk_test_nobody_knows_this", 401, "invalid_api_key")]
    public async Task Unknown_keys_are_refused(string? key, int status, string code)
    {
        using var response = await gateway.PostAsync(key, Chat("hello"));
        ((int)response.StatusCode).ShouldBe(status);
        (await JsonAsync(response)).GetProperty("error").GetProperty("code").GetString().ShouldBe(code);
    }

    [Theory]
    [InlineData("{\"model\":\"gpt-4o-mini\"", 400, null)]
    [InlineData("[]", 400, null)]
    [InlineData("{\"messages\":[]}", 400, "model")]
    [InlineData("{\"model\":\"gpt-4o-mini\",\"max_tokens\":-1}", 400, "max_tokens")]
    [InlineData("{\"model\":\"gpt-4o-mini\",\"max_tokens\":99999999999999999999}", 400, "max_tokens")]
    [InlineData("{\"model\":\"gpt-4o-mini\",\"max_completion_tokens\":1.5}", 400, "max_completion_tokens")]
    [InlineData("{\"model\":\"gpt-4o-mini\",\"n\":0}", 400, "n")]
    [InlineData("{\"model\":\"gpt-4o-mini\",\"model\":\"gpt-4o\"}", 400, "model")]
    [InlineData("{\"model\":\"gpt-4o-mini\",\"stream\":true,\"stream\":false}", 400, "stream")]
    [InlineData("{\"model\":\"gpt-4o-mini\",\"stream\":1}", 400, "stream")]
    [InlineData("{\"model\":\"gpt-4o-mini\",\"service_tier\":\"priority\"}", 503, null)]
    [InlineData("{\"model\":7}", 400, "model")]
    [InlineData("{\"model\":\"claude-3\"}", 404, "model")]
    public async Task Bad_bodies_are_refused_by_name(string body, int status, string? parameter)
    {
        using var response = await gateway.PostAsync(Ada, body);
        ((int)response.StatusCode).ShouldBe(status);
        (await JsonAsync(response)).GetProperty("error").GetProperty("param").GetString().ShouldBe(parameter);
    }

    [Fact]
    public async Task A_model_outside_the_keys_allowance_is_refused()
    {
        using var response = await gateway.PostAsync(Bob, Chat("hello", model: "gpt-4o"));
        response.StatusCode.ShouldBe(HttpStatusCode.Forbidden);
        (await JsonAsync(response)).GetProperty("error").GetProperty("code").GetString().ShouldBe("model_not_allowed");
    }

    [Fact]
    public async Task An_unknown_price_is_refused_never_free()
    {
        using var response = await gateway.PostAsync(Ada, Chat("hello", model: "gpt-unpriced"));
        response.StatusCode.ShouldBe(HttpStatusCode.ServiceUnavailable);
        response.Headers.RetryAfter!.Delta.ShouldBe(TimeSpan.FromSeconds(30));
        (await JsonAsync(response)).GetProperty("error").GetProperty("code").GetString().ShouldBe("price_unavailable");
    }

    [Fact]
    public async Task A_body_over_the_limit_is_refused()
    {
        using var response = await gateway.PostAsync(Ada, Chat(new string('x', 100_001)));
        response.StatusCode.ShouldBe(HttpStatusCode.RequestEntityTooLarge);
        using var chunked = await gateway.PostAsync(Ada, Chat(new string('x', 100_001)), request => request.Headers.TransferEncodingChunked = true);
        chunked.StatusCode.ShouldBe(HttpStatusCode.RequestEntityTooLarge);
    }

    [Fact]
    public async Task Routes_that_are_not_metered_are_not_forwarded()
    {
        using var response = await gateway.PostAsync(Ada, "{}", path: "/v1/batches");
        response.StatusCode.ShouldBe(HttpStatusCode.NotFound);
        (await JsonAsync(response)).GetProperty("error").GetProperty("code").GetString().ShouldBe("unknown_url");
    }

    [Fact]
    public async Task A_header_with_control_characters_is_a_bad_request()
    {
        using var tcp = new System.Net.Sockets.TcpClient();
        await tcp.ConnectAsync("127.0.0.1", new Uri(gateway.Process.Url).Port);
        await tcp.GetStream().WriteAsync(Encoding.Latin1.GetBytes("POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nX-Bad: a\u0001\u0000b\r\nContent-Length: 2\r\n\r\n{}"));
        using var reader = new StreamReader(tcp.GetStream());
        (await reader.ReadLineAsync())!.ShouldContain(" 400 ");
    }

    [Fact]
    public async Task A_budget_that_is_used_up_does_not_look_retryable()
    {
        using var response = await gateway.PostAsync(Eve, Chat("hello reply:300", ",\"max_tokens\":16000"));   // holds 0.0096 of 0.01, uses 0.00018
        response.StatusCode.ShouldBe(HttpStatusCode.OK);
        using var never = await gateway.PostAsync(Eve, Chat("hello", ",\"max_tokens\":16384,\"n\":2"));
        never.StatusCode.ShouldBe(HttpStatusCode.BadRequest);
        (await JsonAsync(never)).GetProperty("quota").GetProperty("fits").GetProperty("output_tokens").GetInt64().ShouldBeInRange(8000, 8333);   // for each of the two answers
        using var another = await gateway.PostAsync(Eve, Chat("hello", ",\"max_tokens\":16600"));
        another.StatusCode.ShouldBe((HttpStatusCode)429);
        var body = await JsonAsync(another);
        body.GetProperty("error").GetProperty("code").GetString().ShouldBe("insufficient_quota");
        body.GetProperty("quota").GetProperty("limit").GetString().ShouldBe("product-month");
        another.Headers.GetValues("x-should-retry").ShouldBe(["false"]);
        another.Headers.RetryAfter.ShouldBeNull();
    }

    [Fact]
    public async Task An_upstream_that_answers_500_passes_through_and_counts_nothing()
    {
        using var response = await gateway.PostAsync(Ada, Chat("hello fault:500"));
        response.StatusCode.ShouldBe(HttpStatusCode.InternalServerError);
        var e = await gateway.EventOfAsync(response);
        e.GetProperty("status").GetString().ShouldBe("failed");
        e.GetProperty("http_status").GetInt32().ShouldBe(500);
        e.GetProperty("usage").GetProperty("requests").GetInt64().ShouldBe(0);
    }

    [Fact]
    public async Task An_upstream_that_hangs_is_given_up()
    {
        using var response = await gateway.PostAsync(Ada, Chat("hello fault:hang"));
        response.StatusCode.ShouldBe(HttpStatusCode.GatewayTimeout);
        (await JsonAsync(response)).GetProperty("error").GetProperty("code").GetString().ShouldBe("upstream_timeout");
        var it = await gateway.EventOfAsync(response);   // it had the whole request, so it may bill it
        (it.GetProperty("status").GetString(), it.GetProperty("estimated").GetBoolean(), it.GetProperty("usage").GetProperty("requests").GetInt64()).ShouldBe(("cut_off", true, 1L));
        it.GetProperty("usage").GetProperty("input_tokens").GetInt64().ShouldBeGreaterThan(0);
    }

    [Fact]
    public async Task A_stream_that_is_cut_is_estimated_never_zero()
    {
        string? id = null;
        await Should.ThrowAsync<Exception>(async () =>
        {
            using var client = new HttpClient();
            using var request = new HttpRequestMessage(HttpMethod.Post, gateway.Process.Url + "/v1/chat/completions")
            {
                Content = new StringContent(Chat("a b c reply:60 fault:cut", ",\"stream\":true"), Encoding.UTF8, "application/json"),
                Headers = { { "Authorization", "Bearer " + Ada } },
            };
            using var response = await client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
            id = response.Headers.GetValues("x-request-id").Single();
            await response.Content.ReadAsStringAsync();
        });
        await Eventually.TrueAsync("its event is written", () => gateway.Process.Events().Any(e => e.GetProperty("id").GetString() == id));
        var e = gateway.Process.Events().Single(e => e.GetProperty("id").GetString() == id);
        e.GetProperty("status").GetString().ShouldBe("cut_off");
        e.GetProperty("estimated").GetBoolean().ShouldBeTrue();
        e.GetProperty("usage").GetProperty("output_tokens").GetInt64().ShouldBeGreaterThan(0);
    }

    [Fact]
    public async Task A_client_that_hangs_up_in_mid_stream_is_estimated_never_zero()
    {
        string id;
        using (var client = new HttpClient())
        {
            using var request = new HttpRequestMessage(HttpMethod.Post, gateway.Process.Url + "/v1/chat/completions")
            {
                Content = new StringContent(Chat("a b c reply:300 pace:100", ",\"stream\":true"), Encoding.UTF8, "application/json"),
                Headers = { { "Authorization", "Bearer " + Bob } },
            };
            using var response = await client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
            id = response.Headers.GetValues("x-request-id").Single();
            using var reader = new StreamReader(await response.Content.ReadAsStreamAsync());
            for (var lines = 0; lines < 6; lines++)
                await reader.ReadLineAsync();
        }
        await Eventually.TrueAsync("its event is written", () => gateway.Process.Events().Any(e => e.GetProperty("id").GetString() == id));
        var e = gateway.Process.Events().Single(e => e.GetProperty("id").GetString() == id);
        e.GetProperty("status").GetString().ShouldBe("cancelled");
        e.GetProperty("estimated").GetBoolean().ShouldBeTrue();
        e.GetProperty("usage").GetProperty("input_tokens").GetInt64().ShouldBeGreaterThan(0);
        e.GetProperty("usage").GetProperty("output_tokens").GetInt64().ShouldBeInRange(1, 299);
    }

    [Fact]
    public async Task Usage_that_never_comes_is_estimated()
    {
        using var response = await gateway.PostAsync(Ada, Chat("a b c reply:60 fault:no-usage"));
        response.StatusCode.ShouldBe(HttpStatusCode.OK);
        var e = await gateway.EventOfAsync(response);
        e.GetProperty("estimated").GetBoolean().ShouldBeTrue();
        e.GetProperty("usage").GetProperty("input_tokens").GetInt64().ShouldBeGreaterThan(0);
        e.GetProperty("usage").GetProperty("output_tokens").GetInt64().ShouldBeGreaterThan(0);
    }

    [Fact]
    public async Task A_key_in_the_query_works_and_is_not_forwarded()
    {
        using var response = await gateway.PostAsync(null, Chat("hello reply:2"), path: "/v1/chat/completions?key=" + Ada);
        response.StatusCode.ShouldBe(HttpStatusCode.OK);
    }
}
