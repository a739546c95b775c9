using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using Quota.TestKit;

namespace Quota.Gateway.Tests;

/// <summary>A stand-alone gateway with real Redis in front of the demo provider, shared by the tests of a class.</summary>
public sealed class StandaloneGateway : IAsyncLifetime
{
    public const string Ada = "qk_test_ada_0123456789";
    public const string Bob = "qk_test_bob_0123456789";
    public const string Eve = "qk_test_eve_0123456789";

    private readonly HttpClient _http = new(new SocketsHttpHandler { UseProxy = false });

    public RedisServer Redis { get; private set; } = null!;

    public FakeProvider Provider { get; private set; } = null!;

    public GatewayProcess Process { get; private set; } = null!;

    public static string Yaml(FakeProvider provider, string moreLimits = "") => GatewayProcess.Upstream(provider) + $$"""
        orgs:
          acme:
            timezone: Europe/Berlin
            currency: USD
            teams: { research: { users: [ada, bob] }, product: { users: [eve] } }
        keys:
          - { name: ada-laptop, secret: {{Ada}}, scope: acme/research/ada, environment: dev }
          - { name: bob-laptop, secret: {{Bob}}, scope: acme/research/bob, models: ["gpt-4o-mini"] }
          - { name: eve-laptop, secret: {{Eve}}, scope: acme/product/eve }
        limits:
          - { code: acme-month, scope: acme, meter: spend, amount: "100.00", window: { kind: month }, mode: hard }
          - { code: research-month, scope: acme/research, meter: spend, amount: "50.00", window: { kind: month }, mode: hard }
          - { code: ada-rpm, scope: acme/research/ada, meter: requests, amount: "600", window: { kind: rate, every: minute }, mode: hard }
          - { code: eve-rpm, scope: acme/product/eve, meter: requests, amount: "2", window: { kind: rate, every: minute }, mode: hard }
          - { code: product-month, scope: acme/product, meter: spend, amount: "0.01", window: { kind: month }, mode: hard }
        {{moreLimits}}
        prices:
          models:
            gpt-4o-mini: { provider: openai, input: "0.15", cached_input: "0.075", output: "0.60", max_input_tokens: 128000, max_output_tokens: 16384 }
            gpt-4o: { provider: openai, input: "2.50", output: "10.00", max_input_tokens: 128000, max_output_tokens: 16384 }
        """;

    public async ValueTask InitializeAsync()
    {
        Redis = await RedisServer.StartAsync();
        Provider = await FakeProvider.StartAsync();
        Process = await GatewayProcess.StartAsync(Yaml(Provider), Redis, new Dictionary<string, string?> { ["Upstream__Timeout"] = "2s", ["Limits__MaxBodyBytes"] = "100000" });
    }

    public async ValueTask DisposeAsync()
    {
        _http.Dispose();
        await Process.DisposeAsync();
        await Provider.DisposeAsync();
        await Redis.DisposeAsync();
    }

    /// <summary>Posts a chat body with a key; null sends none.</summary>
    public async Task<HttpResponseMessage> PostAsync(string? key, string body, Action<HttpRequestMessage>? change = null, string path = "/v1/chat/completions")
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, Process.Url + path) { Content = new StringContent(body, Encoding.UTF8, "application/json") };
        if (key is not null)
            request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", key);
        change?.Invoke(request);
        return await _http.SendAsync(request);
    }

    public static string Chat(string words, string more = "", string model = "gpt-4o-mini") =>
        $$"""{"model":"{{model}}","messages":[{"role":"user","content":"{{words}}"}]{{more}}}""";

    public static async Task<JsonElement> JsonAsync(HttpResponseMessage response) => JsonElement.Parse(await response.Content.ReadAsStringAsync());

    /// <summary>The event of an answer, found by its <c>x-request-id</c>.</summary>
    public async Task<JsonElement> EventOfAsync(HttpResponseMessage response)
    {
        var id = response.Headers.GetValues("x-request-id").Single();
        JsonElement[] found = [];
        await Eventually.TrueAsync($"the event of {id} is written", () => (found = [.. Process.Events().Where(e => e.GetProperty("id").GetString() == id)]).Length > 0, detail: () => Process.Process.Output);
        return found.Length == 1 ? found[0] : throw new InvalidOperationException($"{found.Length} events of {id}");
    }

    /// <summary>used and held of a limit, as the admin port says.</summary>
    public async Task<(decimal Used, decimal Held)> StandingAsync(string code)
    {
        var answer = JsonElement.Parse(await _http.GetStringAsync(Process.AdminUrl + "/admin/limits"));
        var limit = answer.GetProperty("limits").EnumerateArray().Single(limit => limit.GetProperty("limit").GetString() == code);
        decimal Number(string field) => decimal.Parse(limit.GetProperty(field).GetString()!, System.Globalization.CultureInfo.InvariantCulture);
        return (Number("used"), Number("held"));
    }
}
