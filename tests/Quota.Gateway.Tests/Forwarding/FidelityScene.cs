using System.Net.Http.Headers;
using System.Text.Json;
using Quota.TestKit;

namespace Quota.Gateway.Tests.Forwarding;

/// <summary>A gateway before an upstream of raw bytes: <c>/any/…</c> as it is, and the same server as OpenAI, Azure and Gemini.</summary>
public sealed class FidelityScene : IAsyncLifetime
{
    public const string Ada = LimitScene.Ada;

    public HttpClient Http { get; } = new(new SocketsHttpHandler { UseProxy = false, AllowAutoRedirect = false, UseCookies = false, Expect100ContinueTimeout = TimeSpan.FromMinutes(1) }) { Timeout = TimeSpan.FromSeconds(30) };

    public RawServer Server { get; } = new();

    /// <summary>Another upstream than <see cref="Server"/>; without a trailing slash.</summary>
    public string? Upstream { get; init; }

    public IReadOnlyDictionary<string, string?>? Settings { get; init; }

    public RedisServer Redis { get; private set; } = null!;

    public GatewayProcess Gateway { get; private set; } = null!;

    public async ValueTask InitializeAsync()
    {
        Redis = await RedisServer.StartAsync();
        Gateway = await GatewayProcess.StartAsync(Yaml(Upstream ?? Server.BaseUrl), Redis, Settings);
    }

    public static string Yaml(string upstream) => $$"""
        upstreams:
          any: { protocol: generic, base_url: "{{upstream}}", credential: { env: {{GatewayProcess.CredentialVariable}} } }
          openai: { protocol: openai, base_url: "{{upstream}}", credential: { env: {{GatewayProcess.CredentialVariable}} }, models: ["gpt-4o-mini", "whisper-1"] }
          azure: { protocol: azure, base_url: "{{upstream}}", credential: { env: {{GatewayProcess.CredentialVariable}} }, models: ["whisper"] }
          gemini: { protocol: gemini, base_url: "{{upstream}}", credential: { env: {{GatewayProcess.CredentialVariable}} }, models: ["gemini-*"] }
        orgs:
          acme: { timezone: Europe/Berlin, currency: USD, teams: { research: { users: [ada] } } }
        keys:
          - { name: ada-laptop, secret: {{Ada}}, scope: acme/research/ada }
        limits:
          - { code: at-once, scope: acme, meter: concurrency, amount: "100" }
        prices:
          models:
            any: { provider: generic, input: "0", output: "0", per_request: "0.01" }
            gpt-4o-mini: { provider: openai, input: "1", output: "2", max_input_tokens: 128000, max_output_tokens: 16384 }
            whisper-1: { provider: openai, input: "0", output: "0", per_second: "0.0001", max_input_tokens: 1 }
            azure/whisper: { provider: azure, model: whisper, input: "0", output: "0", per_second: "0.0002", max_input_tokens: 1 }
            gemini-2.5-flash: { provider: gemini, input: "1", output: "2", max_input_tokens: 1048576, max_output_tokens: 65536 }
        """;

    /// <summary>Sends lines of a head as they are, after a request line and with Ada's key.</summary>
    public Task<(string Head, byte[] Body)> AskAsync(string line, string headers = "", byte[]? body = null) => RawClient.AskAsync(Gateway.Url, Head(line, headers), body);

    public static string Head(string line, string headers = "", string key = Ada) => $"{line} HTTP/1.1\nHost: gateway\nAuthorization: Bearer {key}\n{headers}".Trim();

    public HttpRequestMessage Request(HttpMethod method, string path, HttpContent? body = null) =>
        new(method, Gateway.Url + path) { Content = body, Headers = { Authorization = new AuthenticationHeaderValue("Bearer", Ada) } };

    /// <summary>The one event of a call, once nothing is held any more.</summary>
    public async Task<JsonElement> EventOfAsync(string id)
    {
        JsonElement[] found = [];
        await Eventually.TrueAsync($"the event of {id} is written", () => (found = EventsOf(id)).Length > 0, detail: () => Gateway.Process.Output);
        await NothingHeldAsync();
        return found.ShouldHaveSingleItem();
    }

    public JsonElement[] EventsOf(string id) => [.. Gateway.Events().Where(it => it.GetProperty("id").GetString() == id)];

    public Task NothingHeldAsync() => Eventually.TrueAsync("nothing is held", async () =>
    {
        var limits = JsonElement.Parse(await Http.GetStringAsync(Gateway.AdminUrl + "/admin/limits")).GetProperty("limits");
        return limits.EnumerateArray().All(limit => limit.GetProperty("held").GetString() == "0");
    }, detail: () => Gateway.Process.Output);

    public static string IdOf(string head) => RawClient.Values(head, "x-request-id").ShouldHaveSingleItem();

    public async ValueTask DisposeAsync()
    {
        Http.Dispose();
        await Gateway.DisposeAsync();
        await Server.DisposeAsync();
        await Redis.DisposeAsync();
    }
}
