using System.Net.Http.Headers;
using System.Text.Json;

namespace Quota.Gateway.Providers.Anthropic;

/// <summary>Anthropic's Messages (docs.claude.com/en/api/messages).</summary>
internal sealed class AnthropicAdapter : IProviderAdapter
{
    private const string Messages = "/v1/messages";

    public string Protocol => "anthropic";

    public IReadOnlyList<string> Routes { get; } = [Messages];

    public IReadOnlyList<string> FreeRoutes { get; } = [Messages + "/count_tokens"];

    public string EndpointKind(string route) => "chat";

    public RequestReading ReadRequest(string route, ReadOnlyMemory<byte> body, IHeaderDictionary headers) => MessagesRequestReader.Read(body, headers["anthropic-beta"]);

    public UsageReader ReaderFor(string route, ProviderRequest request) => request.Stream ? new MessagesStreamUsage() : new JsonUsage(json => MessagesUsage.Parse(json)?.Counts);

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

    public void Authorize(HttpRequestHeaders headers, string credential) => headers.TryAddWithoutValidation("x-api-key", credential);

    /// <summary>Limits in numbers, resets as RFC 3339 times (docs.claude.com/en/api/rate-limits, response headers).</summary>
    public void WriteRate(IHeaderDictionary headers, string what, RateStanding standing)
    {
        headers[$"anthropic-ratelimit-{what}-limit"] = standing.Limit.ToString(CultureInfo.InvariantCulture);
        headers[$"anthropic-ratelimit-{what}-remaining"] = standing.Remaining.ToString(CultureInfo.InvariantCulture);
        headers[$"anthropic-ratelimit-{what}-reset"] = standing.FullAgain.ToString("yyyy-MM-ddTHH:mm:ssZ", CultureInfo.InvariantCulture);
    }
}
