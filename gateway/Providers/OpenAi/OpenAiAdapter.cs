using System.Net.Http.Headers;
using System.Text.Json;

namespace Quota.Gateway.Providers.OpenAi;

/// <summary>OpenAI's chat completions, responses and embeddings, and the many that copy them (platform.openai.com/docs/api-reference).</summary>
internal sealed class OpenAiAdapter : IProviderAdapter
{
    private static readonly string[] OfRequests = ["x-ratelimit-limit-requests", "x-ratelimit-remaining-requests", "x-ratelimit-reset-requests"];
    private static readonly string[] OfTokens = ["x-ratelimit-limit-tokens", "x-ratelimit-remaining-tokens", "x-ratelimit-reset-tokens"];

    private const string Chat = "/v1/chat/completions", Responses = "/v1/responses", Embeddings = "/v1/embeddings";

    public string Protocol => "openai";

    public IReadOnlyList<string> Routes { get; } = [Chat, Responses, Embeddings];

    public string EndpointKind(string route) => route switch { Embeddings => "embeddings", Responses => "responses", _ => "chat" };

    public RequestReading ReadRequest(string route, ReadOnlyMemory<byte> body, IHeaderDictionary headers) => route switch
    {
        Embeddings => EmbeddingsRequestReader.Read(body),
        Responses => ResponsesRequestReader.Read(body),
        _ => ChatRequestReader.Read(body),
    };

    public UsageReader ReaderFor(string route, ProviderRequest request) => (route, request.Stream) switch
    {
        (Responses, true) => new ResponsesStreamUsage(),
        (Responses, false) => new JsonUsage(ResponsesUsage.Parse),
        (_, true) => new ChatStreamUsage(request.HidesUsage, (int)request.Choices),
        _ => new JsonUsage(ChatUsage.Parse),
    };

    public RefusalAnswer Refuse(Refusal refusal) => OpenAiRefusals.Answer(refusal);

    public bool Knows(IHeaderDictionary headers) => false;

    public byte[] WriteModels(IReadOnlyList<string> models) => JsonText.Of(json =>
    {
        json.WriteString("object", "list");
        json.WriteStartArray("data");
        foreach (var model in models)
        {
            json.WriteStartObject();
            Describe(json, model);
            json.WriteEndObject();
        }
        json.WriteEndArray();
    });

    public byte[] WriteModel(string model) => JsonText.Of(json => Describe(json, model));

    /// <summary>When a model was made, and by whom, the gateway does not know.</summary>
    private static void Describe(Utf8JsonWriter json, string model)
    {
        json.WriteString("id", model);
        json.WriteString("object", "model");
        json.WriteNumber("created", 0);
        json.WriteString("owned_by", "openai");
    }

    public void Authorize(HttpRequestHeaders headers, string credential) => headers.TryAddWithoutValidation("Authorization", "Bearer " + credential);

    /// <summary>Resets as seconds, <c>12s</c> (platform.openai.com/docs/guides/rate-limits, headers).</summary>
    public void WriteRate(IHeaderDictionary headers, string what, RateStanding standing)
    {
        var names = what == "tokens" ? OfTokens : OfRequests;
        headers[names[0]] = standing.Limit.ToString(CultureInfo.InvariantCulture);
        headers[names[1]] = standing.Remaining.ToString(CultureInfo.InvariantCulture);
        headers[names[2]] = ((long)(standing.FullAgain - standing.At).TotalSeconds).ToString(CultureInfo.InvariantCulture) + "s";
    }
}
