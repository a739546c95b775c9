using System.Text.Json;

namespace Quota.Gateway.Providers.Gemini;

/// <summary>
/// Google's Gemini API (ai.google.dev/api): content, whole or streamed as server-sent events (<c>?alt=sse</c>) or as one JSON array, and
/// embeddings. The model stands in the path. Vertex AI's paths are not spoken.
/// </summary>
internal sealed class GeminiAdapter : IProviderAdapter
{
    private const string KeyHeader = "x-goog-api-key";
    private const string List = "/v1beta/models", StableList = "/v1/models";

    private static readonly string[] EmbeddingMethods = ["embedContent", "batchEmbedContents", "countTokens"], ContentMethods = ["generateContent", "streamGenerateContent", "countTokens"];

    public string Protocol => "gemini";

    public IReadOnlyList<ProviderRoute> Routes { get; } = [.. RoutesBelow(List), .. RoutesBelow(StableList)];

    public IReadOnlyList<string> ModelLists { get; } = [List, StableList];

    public RequestReading ReadRequest(CallTarget target, ReadOnlyMemory<byte> body, IHeaderDictionary headers)
    {
        if (GeminiQuery.Refuse(target.Query, IsStream(target), headers) is { } refusal)
            return refusal;
        if (target.Model is not { Length: > 0 and <= 256 } model || RequestJson.HasControl(model))
            return new Refusal.BadRequest("model", "The model's name must have 1 to 256 characters, without control characters.");
        return IsEmbedding(target) ? EmbedContentRequestReader.Read(body, model) : GenerateContentRequestReader.Read(body, model, IsStream(target));
    }

    public UsageReader ReaderFor(CallTarget target, ProviderRequest request, Upstream upstream) =>
        IsStream(target) ? new GenerateContentStreamUsage(GeminiQuery.AsksForEvents(target.Query), (int)request.Choices) : new GeminiJsonUsage();

    public RefusalAnswer Refuse(Refusal refusal) => GeminiRefusals.Answer(refusal);

    public bool Knows(IHeaderDictionary headers) => headers.ContainsKey(KeyHeader);

    public byte[] WriteModels(IReadOnlyList<string> models) => JsonText.Of(json =>
    {
        json.WriteStartArray("models");
        foreach (var model in models)
        {
            json.WriteStartObject();
            Describe(json, model);
            json.WriteEndObject();
        }
        json.WriteEndArray();
    });

    public byte[] WriteModel(string model) => JsonText.Of(json => Describe(json, model));

    public void Authorize(HttpRequestMessage request, Upstream upstream, SplicedBody body) => request.Headers.TryAddWithoutValidation(KeyHeader, upstream.Credential);

    /// <summary>Gemini answers without rate headers, so its clients read none.</summary>
    public void WriteRate(IHeaderDictionary headers, string what, RateStanding standing)
    {
    }

    /// <summary>
    /// A model as ai.google.dev/api/models has it, as far as the gateway knows. Clients choose by the methods; that a model embeds, only its name tells.
    /// </summary>
    private static void Describe(Utf8JsonWriter json, string model)
    {
        json.WriteString("name", "models/" + model);
        json.WriteString("baseModelId", model);
        json.WriteString("version", "");
        json.WriteString("displayName", model);
        json.WriteStartArray("supportedGenerationMethods");
        foreach (var method in model.Contains("embedding", StringComparison.Ordinal) ? EmbeddingMethods : ContentMethods)
            json.WriteStringValue(method);
        json.WriteEndArray();
    }

    private static ProviderRoute[] RoutesBelow(string list) =>
    [
        new(list + "/{model}:generateContent", "chat"), new(list + "/{model}:streamGenerateContent", "chat"), new(list + "/{model}:embedContent", "embeddings"),
        new(list + "/{model}:batchEmbedContents", "embeddings"), new(list + "/{model}:countTokens", "chat") { IsFree = true },
    ];

    private static bool IsStream(CallTarget target) => target.Route.Template.EndsWith(":streamGenerateContent", StringComparison.Ordinal);

    private static bool IsEmbedding(CallTarget target) => target.Route.Kind == "embeddings";
}
