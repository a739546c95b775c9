using System.Globalization;
using System.Text.Json;
using Quota.TestKit;

namespace Quota.EndToEnd.Tests.Sdks;

/// <summary>
/// A stand-alone gateway in front of the demo provider, with a counting proxy in front of it: what an SDK is pointed at. A user and a
/// key for each kind of refusal, so that tests do not touch each other's limits.
/// </summary>
public sealed class SdkScene : IAsyncLifetime
{
    /// <summary>Nothing stands in its way.</summary>
    public const string Free = "qk_sdk_free_0123456789";

    /// <summary>One request a second, one at once.</summary>
    public const string Brisk = "qk_sdk_brisk_0123456789";

    /// <summary>One request a minute, one at once.</summary>
    public const string Slow = "qk_sdk_slow_0123456789";

    /// <summary>One request a month: a budget.</summary>
    public const string Poor = "qk_sdk_poor_0123456789";

    /// <summary>A millionth of a dollar a month: no call ever fits that asks for more than one token.</summary>
    public const string Tiny = "qk_sdk_tiny_0123456789";

    /// <summary>May use gpt-4o-mini and <see cref="Claude"/> alone.</summary>
    public const string Narrow = "qk_sdk_narrow_0123456789";

    /// <summary>Has limits on tokens that are never reached: their counters say what was metered.</summary>
    public const string Counted = "qk_sdk_counted_0123456789";

    /// <summary>Calls Azure's paths, and others those of OpenAI that are not chats: they share no events with the rest.</summary>
    public const string Azure = "qk_sdk_azure_0123456789", Other = "qk_sdk_other_0123456789";

    /// <summary>The model that Messages are sent to.</summary>
    public const string Claude = "claude-haiku-4-5";

    /// <summary>The models that Google's SDK asks.</summary>
    public const string Gemini = "gemini-2.5-flash", GeminiEmbedding = "gemini-embedding-001";

    private RedisServer _redis = null!;
    private GatewayProcess _gateway = null!;
    private CountingProxy _proxy = null!;

    public FakeProvider Provider { get; private set; } = null!;

    /// <summary>The one thing that a caller changes.</summary>
    public string BaseUrl => Root + "/v1";

    /// <summary>The same for an SDK that adds <c>/v1</c> itself.</summary>
    public string Root => _proxy.Url;

    public string Output => _gateway.Process.Output;

    /// <summary>What reached the gateway with this key.</summary>
    public IReadOnlyList<Attempt> Attempts(string key) => _proxy.AttemptsOf(key);

    /// <summary>Another proxy in front of the gateway: what comes through it in <c>x-api-key</c> is under the key "".</summary>
    public Task<CountingProxy> ProxyAsync() => CountingProxy.StartAsync(_gateway.Url);

    /// <summary>The usage events of a user, when there are so many.</summary>
    public async Task<IReadOnlyList<JsonElement>> EventsAsync(string user, int count)
    {
        JsonElement[] events = [];
        await Eventually.TrueAsync($"{count} events of {user} are written",
            () => (events = [.. _gateway.Events().Where(it => it.GetProperty("user").GetString() == user)]).Length >= count, detail: () => Output);
        events.Length.ShouldBe(count);
        return events;
    }

    /// <summary>What a limit's counter says is used, and what is held.</summary>
    public async Task<(decimal Used, decimal Held)> StandingAsync(string code)
    {
        using var http = new HttpClient();
        var answer = JsonElement.Parse(await http.GetStringAsync(_gateway.AdminUrl + "/admin/limits"));
        var limit = answer.GetProperty("limits").EnumerateArray().Single(limit => limit.GetProperty("limit").GetString() == code);
        return (Number("used"), Number("held"));
        decimal Number(string field) => decimal.Parse(limit.GetProperty(field).GetString()!, CultureInfo.InvariantCulture);
    }

    public async ValueTask InitializeAsync()
    {
        _redis = await RedisServer.StartAsync();
        Provider = await FakeProvider.StartAsync();
        _gateway = await GatewayProcess.StartAsync(Yaml(Provider), _redis);
        _proxy = await CountingProxy.StartAsync(_gateway.Url);
    }

    public async ValueTask DisposeAsync()
    {
        await _proxy.DisposeAsync();
        await _gateway.DisposeAsync();
        await Provider.DisposeAsync();
        await _redis.DisposeAsync();
    }

    private static string Yaml(FakeProvider provider) => GatewayProcess.Upstream(provider) + $$"""
          anthropic: { protocol: anthropic, base_url: "{{provider.BaseUrl}}", credential: { env: {{GatewayProcess.CredentialVariable}} }, models: ["claude-*"] }
          gemini: { protocol: gemini, base_url: "{{provider.BaseUrl}}", credential: { env: {{GatewayProcess.CredentialVariable}} }, models: ["gemini-*"] }
          openai-units: { protocol: openai, base_url: "{{provider.BaseUrl}}", credential: { env: {{GatewayProcess.CredentialVariable}} }, models: ["text-embedding-*", "tts-*", "whisper-*", "omni-moderation-*"] }
          azure: { protocol: azure, base_url: "{{provider.BaseUrl}}", credential: { env: {{GatewayProcess.CredentialVariable}} }, models: ["gpt-*", "text-embedding-*", "whisper-*"] }
        orgs:
          acme: { timezone: Europe/Berlin, currency: USD, teams: { sdk: { users: [free, brisk, slow, poor, tiny, narrow, counted, azure, other] } } }
        keys:
          - { name: free, secret: {{Free}}, scope: acme/sdk/free }
          - { name: brisk, secret: {{Brisk}}, scope: acme/sdk/brisk }
          - { name: slow, secret: {{Slow}}, scope: acme/sdk/slow }
          - { name: poor, secret: {{Poor}}, scope: acme/sdk/poor }
          - { name: tiny, secret: {{Tiny}}, scope: acme/sdk/tiny }
          - { name: narrow, secret: {{Narrow}}, scope: acme/sdk/narrow, models: ["gpt-4o-mini", "{{Claude}}"] }
          - { name: counted, secret: {{Counted}}, scope: acme/sdk/counted }
          - { name: azure, secret: {{Azure}}, scope: acme/sdk/azure }
          - { name: other, secret: {{Other}}, scope: acme/sdk/other }
        limits:
          - { code: acme-month, scope: acme, meter: spend, amount: "1000.00", window: { kind: month }, mode: hard }
          - { code: brisk-rps, scope: acme/sdk/brisk, meter: requests, amount: "1", window: { kind: rate, every: second, burst: 1 }, mode: hard }
          - { code: slow-rpm, scope: acme/sdk/slow, meter: requests, amount: "1", window: { kind: rate, every: minute, burst: 1 }, mode: hard }
          - { code: poor-month, scope: acme/sdk/poor, meter: requests, amount: "1", window: { kind: month }, mode: hard }
          - { code: tiny-month, scope: acme/sdk/tiny, meter: spend, amount: "0.000001", window: { kind: month }, mode: hard }
          - { code: counted-input, scope: acme/sdk/counted, meter: input_tokens, amount: "1000000000", window: { kind: month }, mode: hard }
          - { code: counted-output, scope: acme/sdk/counted, meter: output_tokens, amount: "1000000000", window: { kind: month }, mode: hard }
        prices:
          models:
            gpt-4o-mini: { provider: openai, input: "0.15", cached_input: "0.075", output: "0.60", max_input_tokens: 128000, max_output_tokens: 16384 }
            gpt-4o: { provider: openai, input: "2.50", output: "10.00", max_input_tokens: 128000, max_output_tokens: 16384 }
            text-embedding-3-small: { provider: openai, input: "0.02", output: "0", max_input_tokens: 8192 }
            gpt-image-1: { provider: openai, input: "5", image_input: "10", output: "40", image_output: "40", max_input_tokens: 32000 }
            tts-1: { provider: openai, input: "0", output: "0", per_character: "0.000015" }
            whisper-1: { provider: openai, input: "0", output: "0", per_second: "0.0001", max_input_tokens: 1 }
            gpt-4o-transcribe: { provider: openai, input: "2.5", audio_input: "6", output: "10", max_input_tokens: 16000 }
            azure/gpt-4o-mini: { provider: azure, model: gpt-4o-mini, input: "0.15", output: "0.60", max_input_tokens: 128000, max_output_tokens: 16384 }
            azure/text-embedding-3-small: { provider: azure, model: text-embedding-3-small, input: "0.02", output: "0", max_input_tokens: 8192 }
            azure/whisper-1: { provider: azure, model: whisper-1, input: "0", output: "0", per_second: "0.0001", max_input_tokens: 1 }
            {{Claude}}: { provider: anthropic, input: "1.00", cached_input: "0.10", cache_write: "1.25", cache_write_1h: "2.00", output: "5.00", max_input_tokens: 200000, max_output_tokens: 64000 }
            {{Gemini}}: { provider: gemini, input: "0.30", cached_input: "0.03", output: "2.50", max_input_tokens: 1048576, max_output_tokens: 65536 }
            {{GeminiEmbedding}}: { provider: gemini, input: "0.15", output: "0", max_input_tokens: 2048 }
            claude-opus-4-5: { provider: anthropic, input: "5.00", output: "25.00", max_input_tokens: 200000, max_output_tokens: 64000 }
        """;
}
