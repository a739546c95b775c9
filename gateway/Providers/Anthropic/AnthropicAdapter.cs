using System.Text.Json;

namespace Quota.Gateway.Providers.Anthropic;

/// <summary>Anthropic's Messages (docs.claude.com/en/api/messages).</summary>
internal sealed class AnthropicAdapter : IProviderAdapter
{
    public string Protocol => "anthropic";

    public IReadOnlyList<ProviderRoute> Routes { get; } = [new("/v1/messages", "chat"), new("/v1/messages/count_tokens", "chat") { IsFree = true }];

    public RequestReading ReadRequest(CallTarget target, ReadOnlyMemory<byte> body, IHeaderDictionary headers) => MessagesRequestReader.Read(body, headers["anthropic-beta"]);

    public UsageReader ReaderFor(CallTarget target, ProviderRequest request, Upstream upstream) => request.Stream ? new MessagesStreamUsage() : new MessagesJsonUsage();

    public RefusalAnswer Refuse(Refusal refusal) => AnthropicRefusals.Answer(refusal);

    public bool Knows(IHeaderDictionary headers) => headers.ContainsKey("anthropic-version");

    public byte[] WriteModels(IReadOnlyList<string> models) => JsonText.Of(json =>
    {
        json.WriteStartArray("data");
        foreach (var model in models)
        {
            json.WriteStartObject();
            Describe(json, model);
            json.WriteEndObject();
        }
        json.WriteEndArray();
        json.WriteBoolean("has_more", false);
        json.WriteString("first_id", models.Count > 0 ? models[0] : null);
        json.WriteString("last_id", models.Count > 0 ? models[^1] : null);
    });

    public byte[] WriteModel(string model) => JsonText.Of(json => Describe(json, model));

    /// <summary>When a model was released the gateway does not know: the epoch, as Anthropic itself answers then.</summary>
    private static void Describe(Utf8JsonWriter json, string model)
    {
        json.WriteString("type", "model");
        json.WriteString("id", model);
        json.WriteString("display_name", model);
        json.WriteString("created_at", "1970-01-01T00:00:00Z");
    }

    public void Authorize(HttpRequestMessage request, Upstream upstream, SplicedBody body) => request.Headers.TryAddWithoutValidation("x-api-key", upstream.Credential);

    /// <summary>Limits in numbers, resets as RFC 3339 times (docs.claude.com/en/api/rate-limits, response headers).</summary>
    public void WriteRate(IHeaderDictionary headers, string what, RateStanding standing)
    {
        headers[$"anthropic-ratelimit-{what}-limit"] = standing.Limit.ToString(CultureInfo.InvariantCulture);
        headers[$"anthropic-ratelimit-{what}-remaining"] = standing.Remaining.ToString(CultureInfo.InvariantCulture);
        headers[$"anthropic-ratelimit-{what}-reset"] = standing.FullAgain.ToString("yyyy-MM-ddTHH:mm:ssZ", CultureInfo.InvariantCulture);
    }
}
