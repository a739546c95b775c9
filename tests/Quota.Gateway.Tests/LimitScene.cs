using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using Quota.TestKit;

namespace Quota.Gateway.Tests;

/// <summary>A stand-alone gateway of a test's own, with the limits that it is about; Redis keeps its data over a restart.</summary>
public sealed class LimitScene : IAsyncDisposable
{
    public const string Ada = "qk_test_ada_0123456789", Bob = "qk_test_bob_0123456789", Robot = "qk_test_robot_012345678", Guest = "qk_test_guest_012345678";

    private readonly HttpClient _http = new(new SocketsHttpHandler { UseProxy = false }) { Timeout = TimeSpan.FromSeconds(30) };

    public required RedisServer Redis { get; init; }

    public required FakeProvider Provider { get; init; }

    public required GatewayProcess Gateway { get; init; }

    public static async Task<LimitScene> StartAsync(string limits, params (string Name, string Value)[] settings)
    {
        var (redis, provider) = (await RedisServer.StartAsync(appendOnly: true), await FakeProvider.StartAsync());
        var gateway = await GatewayProcess.StartAsync(Yaml(provider, limits), redis, settings.ToDictionary(it => it.Name, it => (string?)it.Value));
        return new LimitScene { Redis = redis, Provider = provider, Gateway = gateway };
    }

    /// <summary>Ada and Bob in research, a robot's key in product; 1 token in is 1 µUSD, 1 token out 2 µUSD.</summary>
    public static string Yaml(FakeProvider provider, string limits) => GatewayProcess.Upstream(provider) + $$"""
          anthropic: { protocol: anthropic, base_url: "{{provider.BaseUrl}}", credential: { env: {{GatewayProcess.CredentialVariable}} }, models: ["claude-*"] }
          gemini: { protocol: gemini, base_url: "{{provider.BaseUrl}}", credential: { env: {{GatewayProcess.CredentialVariable}} }, models: ["gemini-*"] }
          bedrock: { protocol: bedrock, base_url: "{{provider.BaseUrl}}", credential: { env: {{GatewayProcess.CredentialVariable}} }, models: ["*amazon.nova-*", "anthropic.*", "meta.*"] }
          embedder: { protocol: openai, base_url: "{{provider.BaseUrl}}", credential: { env: {{GatewayProcess.CredentialVariable}} }, models: ["text-embedding-*"] }
          ollama: { protocol: ollama, base_url: "{{provider.BaseUrl}}", credential: { none: true }, models: ["llama*"] }
          mistral: { protocol: openai, provider: mistral, base_url: "{{provider.BaseUrl}}", credential: { env: {{GatewayProcess.CredentialVariable}} }, models: ["mistral-*"] }
          deepseek: { protocol: openai, provider: deepseek, base_url: "{{provider.BaseUrl}}", credential: { env: {{GatewayProcess.CredentialVariable}} }, models: ["deepseek-*"] }
          units: { protocol: openai, base_url: "{{provider.BaseUrl}}", credential: { env: {{GatewayProcess.CredentialVariable}} }, models: ["dall-e-*", "tts-*", "whisper-*", "omni-moderation-*"], names: { whisper-named: whisper-1 } }
          azure: { protocol: azure, base_url: "{{provider.BaseUrl}}", credential: { env: {{GatewayProcess.CredentialVariable}} }, models: ["gpt-*", "whisper*"], names: { gpt-4o-mini: mini-deployment } }
        orgs:
          acme: { timezone: Asia/Kathmandu, currency: USD, teams: { research: { users: [ada, bob] }, product: {} } }
        keys:
          - { name: ada-laptop, secret: {{Ada}}, scope: acme/research/ada, environment: dev, tags: { project: apollo } }
          - { name: bob-laptop, secret: {{Bob}}, scope: acme/research/bob, environment: prod }
          - { name: robot, secret: {{Robot}}, scope: acme/product }
          - { name: guest, secret: {{Guest}}, scope: acme/product, models: ["gpt-4o-*", "claude-p*"] }
        limits:
        {{string.Join('\n', limits.Split('\n').Select(line => "  " + line.Trim()))}}
        prices:
          models:
            gpt-4o-mini: { provider: openai, input: "1", output: "2", max_input_tokens: 128000, max_output_tokens: 16384, hidden_output: false }
            text-embedding-3-small: { provider: openai, input: "1", output: "0", max_input_tokens: 8192 }
            claude-cached: { provider: anthropic, input: "1", cached_input: "0.1", cache_write: "1.25", cache_write_1h: "2", output: "2", max_input_tokens: 200000, max_output_tokens: 64000, hidden_output: false, tool_calls: { web_search: "0.01" } }
            claude-plain: { provider: anthropic, input: "1", output: "2", max_input_tokens: 200000, max_output_tokens: 64000 }
            gemini-2.5-flash: { provider: gemini, input: "1", cached_input: "0.25", output: "2", max_input_tokens: 1048576, max_output_tokens: 65536, hidden_output: false }
            gemini-embedding-001: { provider: gemini, input: "1", output: "0", max_input_tokens: 2048 }
            gemini-embedding-2: { provider: gemini, input: "1", output: "0", max_input_tokens: 8192 }
            llama3.2: { provider: ollama, input: "1", cached_input: "0.5", output: "2", max_input_tokens: 131072, max_output_tokens: 8192, hidden_output: false }
            mistral-small: { provider: mistral, input: "1", output: "2", max_input_tokens: 131072, max_output_tokens: 8192 }
            deepseek-chat: { provider: deepseek, input: "1", output: "2", max_input_tokens: 131072, max_output_tokens: 8192 }
            "amazon.nova-lite-v1:0": { provider: bedrock, input: "1", cached_input: "0.1", cache_write: "1.25", cache_write_1h: "2", output: "2", max_input_tokens: 300000, max_output_tokens: 5000, hidden_output: false }
            "arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.amazon.nova-lite-v1:0": { provider: bedrock, input: "1", output: "2", max_input_tokens: 300000, max_output_tokens: 5000 }
            "anthropic.claude-sonnet-4-5-20250929-v1:0": { provider: bedrock, input: "1", cached_input: "0.1", cache_write: "1.25", cache_write_1h: "2", output: "2", max_input_tokens: 200000, max_output_tokens: 64000, hidden_output: false }
            "meta.llama3-8b-instruct-v1:0": { provider: bedrock, input: "1", output: "2", max_input_tokens: 8000, max_output_tokens: 2048 }
            gpt-image-1: { provider: openai, input: "1", image_input: "2", output: "3", image_output: "4", max_input_tokens: 32000 }
            dall-e-3: { provider: openai, input: "0", output: "0", per_image: "0.04" }
            tts-1: { provider: openai, input: "0", output: "0", per_character: "0.000015" }
            gpt-4o-mini-tts: { provider: openai, input: "1", output: "2", audio_output: "12", max_input_tokens: 2000 }
            whisper-1: { provider: openai, input: "0", output: "0", per_second: "0.0001", max_input_tokens: 1 }
            whisper-named: { provider: openai, input: "0", output: "0", per_second: "0.0001", max_input_tokens: 1 }
            gpt-4o-transcribe: { provider: openai, input: "1", audio_input: "6", output: "10", max_input_tokens: 16000 }
            gpt-5: { provider: openai, input: "1", output: "2", max_input_tokens: 128000, max_output_tokens: 16384, tool_calls: { web_search: "0.01" }, variants: [{ service_tier: flex, input: "0.5", output: "1" }] }
            azure/gpt-4o-mini: { provider: azure, model: gpt-4o-mini, input: "3", output: "4", max_input_tokens: 128000, max_output_tokens: 16384, hidden_output: false }
            azure/whisper: { provider: azure, model: whisper, input: "0", output: "0", per_second: "0.0002", max_input_tokens: 1 }
            gpt-4o: { provider: openai, input: "2.50", output: "10.00", max_input_tokens: 128000, max_output_tokens: 16384 }
        """;

    public Task ChangeAsync(string limits) => File.WriteAllTextAsync(Gateway.QuotaFile, Yaml(Provider, limits));

    public Task<Answer> PostAsync(string key, string words = "hello reply:5", string more = ",\"max_tokens\":10", string model = "gpt-4o-mini") =>
        SendAsync("/v1/chat/completions", $$"""{"model":"{{model}}","messages":[{"role":"user","content":"{{words}}"}]{{more}}}""", key);

    /// <summary>A call of Anthropic's Messages.</summary>
    public Task<Answer> MessageAsync(string key, string words = "hello reply:5", string more = ",\"max_tokens\":10", string model = "claude-cached", string route = "/v1/messages") =>
        SendAsync(route, $$"""{"model":"{{model}}","messages":[{"role":"user","content":"{{words}}"}]{{more}}}""", request =>
        {
            request.Headers.Add("x-api-key", key);
            request.Headers.Add("anthropic-version", "2023-06-01");
        });

    /// <summary>A call of any route, with an OpenAI client's key.</summary>
    public Task<Answer> SendAsync(string route, string body, string key) => SendAsync(route, body, request => request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", key));

    /// <summary>The same with a key where <paramref name="authorize"/> puts it.</summary>
    public Task<Answer> SendAsync(string route, HttpContent body, Action<HttpRequestMessage> authorize) => SendBodyAsync(route, body, authorize);

    /// <summary>A form, with an OpenAI client's key.</summary>
    public Task<Answer> SendAsync(string route, HttpContent body, string key) => SendBodyAsync(route, body, request => request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", key));

    public async Task<Answer> GetAsync(string route, params (string Name, string Value)[] headers)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, Gateway.Url + route);
        foreach (var (name, value) in headers)
            request.Headers.Add(name, value);
        return await AnswerAsync(request);
    }

    private Task<Answer> SendAsync(string route, string body, Action<HttpRequestMessage> authorize) => SendBodyAsync(route, new StringContent(body, Encoding.UTF8, "application/json"), authorize);

    private async Task<Answer> SendBodyAsync(string route, HttpContent body, Action<HttpRequestMessage> authorize)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, Gateway.Url + route) { Content = body };
        authorize(request);
        return await AnswerAsync(request);
    }

    private async Task<Answer> AnswerAsync(HttpRequestMessage request)
    {
        using var response = await _http.SendAsync(request);
        return new Answer(response.StatusCode, await response.Content.ReadAsStringAsync(),
            response.Headers.Concat(response.Content.Headers).ToDictionary(header => header.Key, header => string.Join(", ", header.Value), StringComparer.OrdinalIgnoreCase));
    }

    /// <summary>A limit as the admin port shows it; named with its scope where a default stands on several nodes.</summary>
    public async Task<Standing> StandingAsync(string code, string? scope = null) =>
        await TryStandingAsync(code, scope) ?? throw new InvalidOperationException($"limit {code} is not shown");

    /// <summary>Null while it is not there, or the counters cannot be read.</summary>
    public async Task<Standing?> TryStandingAsync(string code, string? scope = null)
    {
        using var response = await _http.GetAsync(Gateway.AdminUrl + "/admin/limits");
        if (!response.IsSuccessStatusCode)
            return null;
        var limits = JsonElement.Parse(await response.Content.ReadAsStringAsync()).GetProperty("limits").EnumerateArray();
        var found = limits.Where(limit => limit.GetProperty("limit").GetString() == code && (scope is null || limit.GetProperty("scope").GetString() == scope)).ToArray();
        if (found is not [var limit])
            return null;
        decimal Number(string field) => decimal.Parse(limit.GetProperty(field).GetString()!, CultureInfo.InvariantCulture);
        return new Standing(Number("used"), Number("held"), Number("over"));
    }

    /// <summary>Waits until every call that ended is settled.</summary>
    public Task SettledAsync(string code, decimal used, string? scope = null)
    {
        Standing? last = null;
        return Eventually.TrueAsync($"{code} stands at {used}", async () => (last = await TryStandingAsync(code, scope)) is { Held: 0 } it && it.Used == used, detail: () => $"{last}\n{Gateway.Process.Output}");
    }

    public async Task<(HttpStatusCode Status, JsonElement Body)> AdminAsync(string path, object? body = null)
    {
        using var response = await _http.PostAsync(Gateway.AdminUrl + path, new StringContent(body is null ? "" : JsonSerializer.Serialize(body), Encoding.UTF8, "application/json"));
        return (response.StatusCode, JsonElement.Parse(await response.Content.ReadAsStringAsync()));
    }

    public Task<string> MetricsAsync() => _http.GetStringAsync(Gateway.AdminUrl + "/metrics");

    public async ValueTask DisposeAsync()
    {
        _http.Dispose();
        await Gateway.DisposeAsync();
        await Provider.DisposeAsync();
        await Redis.DisposeAsync();
    }
}

/// <summary>An answer, read whole.</summary>
public sealed record Answer(HttpStatusCode Status, string Text, IReadOnlyDictionary<string, string> Headers)
{
    public JsonElement Json => JsonElement.Parse(Text);

    public string? Code => Json.TryGetProperty("error", out var error) ? error.GetProperty("code").GetString() : null;

    public JsonElement Quota => Json.GetProperty("quota");

    public string? Header(string name) => Headers.GetValueOrDefault(name);
}

/// <summary>Where a limit stands.</summary>
public sealed record Standing(decimal Used, decimal Held, decimal Over);
