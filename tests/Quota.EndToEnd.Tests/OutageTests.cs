using System.Net;
using System.Net.Http.Headers;
using System.Text;
using Quota.TestKit;

namespace Quota.EndToEnd.Tests;

/// <summary>One process away, the other goes on, and nothing is lost or doubled when it comes back.</summary>
public sealed class OutageTests(Product product) : IClassFixture<Product>
{
    private readonly HttpClient _http = new();

    private async Task<HttpStatusCode> CallAsync(string key, bool stream = false)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, product.Gateway.Url + "/v1/chat/completions")
        {
            Content = new StringContent($$"""{"model":"gpt-4o-mini","max_tokens":50,"messages":[{"role":"user","content":"one two reply:5"}]{{(stream ? ",\"stream\":true" : "")}}}""", Encoding.UTF8, "application/json"),
        };
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", key);
        using var response = await _http.SendAsync(request);
        await response.Content.ReadAsStringAsync();
        return response.StatusCode;
    }

    private Task CountsEveryCallAsync() => Eventually.TrueAsync("every served call is metered, once",
        async () => (await product.UsageAsync())["requests"] == product.Provider.Served.Totals.Requests,
        detail: () => $"served {product.Provider.Served.Totals.Requests}\n{product.Gateway.Process.Output}");

    [Fact]
    public async Task A_gateway_starts_and_serves_while_the_core_is_down_and_ships_when_it_is_back()
    {
        (await CallAsync(product.Ada)).ShouldBe(HttpStatusCode.OK);
        product.Core.Process.Kill();
        (await CallAsync(product.Ada)).ShouldBe(HttpStatusCode.OK);
        await product.Gateway.StartAgainAsync();   // killed and started anew: keys and limits come from its copy on disk
        for (var i = 0; i < 5; i++)
            (await CallAsync(product.Ada, stream: i % 2 == 0)).ShouldBe(HttpStatusCode.OK);
        await product.Core.StartAgainAsync();
        await CountsEveryCallAsync();
    }

    [Fact]
    public async Task A_core_that_is_killed_while_events_arrive_counts_each_once()
    {
        using var stop = new CancellationTokenSource();
        var load = Enumerable.Range(0, 4).Select(_ => Task.Run(async () =>
        {
            while (!stop.IsCancellationRequested)
                (await CallAsync(product.Ada)).ShouldBe(HttpStatusCode.OK);
        })).ToArray();
        for (var kill = 0; kill < 2; kill++)
        {
            var before = product.Provider.Served.Totals.Requests;
            await Eventually.TrueAsync("it is under load", () => product.Provider.Served.Totals.Requests > before + 200);
            product.Core.Process.Kill();
            await product.Core.StartAgainAsync();
        }
        await stop.CancelAsync();
        await Task.WhenAll(load);
        await CountsEveryCallAsync();
    }

    [Fact]
    public async Task A_store_that_is_gone_refuses_within_a_second_and_serves_again_when_it_is_back()
    {
        product.Redis.Process.Kill();
        var started = System.Diagnostics.Stopwatch.GetTimestamp();
        (await CallAsync(product.Ada)).ShouldBe(HttpStatusCode.ServiceUnavailable);
        System.Diagnostics.Stopwatch.GetElapsedTime(started).ShouldBeLessThan(TimeSpan.FromSeconds(2));
        await product.Redis.StartAgainAsync();
        await Eventually.TrueAsync("calls are served again", async () => await CallAsync(product.Ada) == HttpStatusCode.OK);
        await CountsEveryCallAsync();
    }

    [Fact]
    public async Task A_revoked_key_is_refused_within_two_seconds_and_a_changed_limit_bites()
    {
        var (id, secret) = await product.NewKeyAsync("ada", "research");
        await Eventually.TrueAsync("the key works", async () => await CallAsync(secret) == HttpStatusCode.OK, TimeSpan.FromSeconds(5));
        await product.SendAsync(HttpMethod.Delete, $"/api/v1/api_keys/{id}");
        await Eventually.TrueAsync("the key is refused", async () => await CallAsync(secret) == HttpStatusCode.Unauthorized, TimeSpan.FromSeconds(2.5));

        var (_, other) = await product.NewKeyAsync("ada", "research");
        await Eventually.TrueAsync("the key works", async () => await CallAsync(other) == HttpStatusCode.OK, TimeSpan.FromSeconds(5));
        var used = (await product.StandingAsync("research-month")).Used;
        await product.LimitAsync("research-month", """{"external_customer_id":"acme","external_team_id":"research"}""", "spend", "0.000001", "month");
        await Eventually.TrueAsync("the lowered limit refuses", async () => await CallAsync(other) is HttpStatusCode.TooManyRequests or HttpStatusCode.BadRequest, TimeSpan.FromSeconds(2.5));
        (await product.StandingAsync("research-month")).Used.ShouldBeGreaterThanOrEqualTo(used);   // lowering it forgot nothing
        await product.LimitAsync("research-month", """{"external_customer_id":"acme","external_team_id":"research"}""", "spend", "500", "month");
        await Eventually.TrueAsync("the raised limit admits", async () => await CallAsync(other) == HttpStatusCode.OK, TimeSpan.FromSeconds(2.5));
        await CountsEveryCallAsync();
    }
}
