using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Quota.Billing.Tests.Http;

public sealed class EdgeTests(SharedBillingApp shared) : IClassFixture<SharedBillingApp>
{
    private readonly BillingApp _app = shared.App;

    [Theory]
    [InlineData("")]
    [InlineData("{")]
    [InlineData("[]")]
    [InlineData("null")]
    [InlineData("{}")]
    [InlineData("{\"customer\":[]}")]
    [InlineData("{\"customer\":{\"external_id\":\"a\",\"external_id\":\"b\"}}")]
    [InlineData("{\"customer\":{\"\\ud800\":1}}")]
    public async Task Unusable_bodies_are_400_in_the_shape_of_the_api(string body)
    {
        var answer = (await _app.PostAsync("/api/v1/customers", body)).ShouldBe(400);
        answer.At("status").ShouldBe("400");
        answer.At("error").ShouldBe("Bad Request");
        answer.At("code").ShouldBe("bad_request");
        answer["error_details"].ValueKind.ShouldBe(System.Text.Json.JsonValueKind.Object);
    }

    [Fact]
    public async Task Deep_and_invalid_utf8_bodies_are_400()
    {
        (await _app.PostAsync("/api/v1/customers", new string('[', 5_000))).ShouldBe(400);
        using var content = new ByteArrayContent([.. "{\"customer\":{\"external_id\":\""u8, 0xff, 0xfe, .. "\"}}"u8]);
        using var response = await _app.Admin.PostAsync("/api/v1/customers", content);
        ((int)response.StatusCode).ShouldBeOneOf(400, 422);
    }

    [Fact]
    public async Task Broken_gzip_is_400()
    {
        using var content = new ByteArrayContent("not gzip"u8.ToArray());
        content.Headers.ContentEncoding.Add("gzip");
        using var response = await _app.Gateway.PostAsync("/internal/v1/usage", content);
        response.StatusCode.ShouldBe(HttpStatusCode.BadRequest, await response.Content.ReadAsStringAsync());
    }

    [Theory]
    [InlineData("GET", "/api/v1/no-such-route", 404)]
    [InlineData("GET", "/", 404)]
    [InlineData("PATCH", "/api/v1/customers", 405)]
    [InlineData("GET", "/api/v1/customers/%0a", 400)]
    [InlineData("GET", "/api/v1/events?code=%00", 400)]
    [InlineData("GET", "/api/v1/events?timestamp_from=soon", 422)]
    [InlineData("GET", "/api/v1/customers/%ED%A0%80", 404)]
    public async Task Every_refusal_has_the_shape(string method, string path, int status)
    {
        var answer = (await _app.Admin.SendAsync(new HttpMethod(method), path)).ShouldBe(status);
        answer["status"].GetInt32().ShouldBe(status);
        answer.At("error").ShouldNotBeNull();
    }

    [Fact]
    public async Task Bytes_that_are_no_http_do_not_kill_the_process()
    {
        using var client = new TcpClient();
        await client.ConnectAsync("127.0.0.1", new Uri(_app.Url).Port);
        await client.GetStream().WriteAsync(Encoding.Latin1.GetBytes("GET /\0 HTTP/1.1\r\nHost: \u0001\r\n\r\n"));
        (await _app.Anonymous.GetAsync("/healthz")).StatusCode.ShouldBe(HttpStatusCode.OK);
    }
}
