using System.Net.Http.Headers;
using System.Text;
using Quota.TestKit;

namespace Quota.Gateway.Tests.Spool;

/// <summary>kill -9 at any point: what was served is in exactly one event, and no hold is left.</summary>
public sealed class KillTests : IAsyncLifetime
{
    private RedisServer _redis = null!;
    private FakeProvider _provider = null!;
    private GatewayProcess _gateway = null!;
    private readonly HttpClient _http = new();

    public async ValueTask InitializeAsync()
    {
        (_redis, _provider) = (await RedisServer.StartAsync(), await FakeProvider.StartAsync());
        _gateway = await GatewayProcess.StartAsync(StandaloneGateway.Yaml(_provider), _redis);
    }

    [Fact]
    public async Task A_gateway_that_is_killed_under_load_loses_and_doubles_nothing()
    {
        const int kills = 3;
        HashSet<string> whole = [];
        for (var kill = 0; kill < kills; kill++)
        {
            using var stop = new CancellationTokenSource();
            var load = Enumerable.Range(0, 8).Select(worker => LoadAsync(worker, whole, stop.Token)).ToArray();
            var before = _provider.Served.Totals.Requests;
            await Eventually.TrueAsync("it is under load", () => _provider.Served.Totals.Requests > before + 150);
            _gateway.Process.Kill();
            await stop.CancelAsync();
            await Task.WhenAll(load);
            await _gateway.StartAgainAsync();
        }
        var totals = _provider.Served.Totals;
        var sent = totals.Requests + totals.Cut + totals.Failed;
        await Eventually.TrueAsync("every call that was sent has its event", () => _gateway.Events().Count >= sent, detail: () => $"{_gateway.Events().Count} of {sent}");
        var events = _gateway.Events().GroupBy(e => e.GetProperty("id").GetString()!).ToDictionary(group => group.Key, group => group.First());
        var exact = events.Values.Where(e => !e.GetProperty("estimated").GetBoolean()).Sum(e => e.GetProperty("usage").GetProperty("output_tokens").GetInt64());

        whole.Where(id => !events.ContainsKey(id)).ShouldBeEmpty();               // whatever a client saw whole is an event
        whole.ShouldAllBe(id => events[id].GetProperty("status").GetString() == "completed" && !events[id].GetProperty("estimated").GetBoolean());
        foreach (var entry in _provider.Served.Entries())
            events.Keys.ShouldContain(entry.RequestId);                          // whatever reached the provider is an event
        exact.ShouldBeLessThanOrEqualTo(totals.OutputTokens);
        foreach (var code in new[] { "acme-month", "research-month", "ada-rpm" })
            (await HeldAsync(code)).ShouldBe(0m);                                 // and nothing is held any more
    }

    private async Task LoadAsync(int worker, HashSet<string> whole, CancellationToken stop)
    {
        for (var i = 0; !stop.IsCancellationRequested; i++)
        {
            try
            {
                using var request = new HttpRequestMessage(HttpMethod.Post, _gateway.Url + "/v1/chat/completions")
                {
                    Content = new StringContent(StandaloneGateway.Chat("a b c reply:9", (worker + i) % 2 == 0 ? ",\"stream\":true" : ""), Encoding.UTF8, "application/json"),
                };
                request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", StandaloneGateway.Bob);
                using var response = await _http.SendAsync(request, stop);
                response.EnsureSuccessStatusCode();
                lock (whole)
                    whole.Add(response.Headers.GetValues("x-request-id").Single());
            }
            catch (Exception problem) when (problem is HttpRequestException or IOException or OperationCanceledException)
            {
            }
        }
    }

    private async Task<decimal> HeldAsync(string code)
    {
        var answer = System.Text.Json.JsonElement.Parse(await _http.GetStringAsync(_gateway.AdminUrl + "/admin/limits"));
        var limit = answer.GetProperty("limits").EnumerateArray().Single(limit => limit.GetProperty("limit").GetString() == code);
        return decimal.Parse(limit.GetProperty("held").GetString()!, System.Globalization.CultureInfo.InvariantCulture);
    }

    public async ValueTask DisposeAsync()
    {
        _http.Dispose();
        await _gateway.DisposeAsync();
        await _provider.DisposeAsync();
        await _redis.DisposeAsync();
    }
}
