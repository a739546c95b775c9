using System.Text.Json;

namespace Quota.Gateway.Providers.Ollama;

/// <summary>Ollama's own API (docs.ollama.com/api): chats, completions and embeddings. Managing models (pull, create, delete) is refused.</summary>
internal sealed class OllamaAdapter : IProviderAdapter
{
    private static readonly ProviderRoute Chat = new("/api/chat", "chat"), Generate = new("/api/generate", "completions"),
        Embed = new("/api/embed", "embeddings"), OldEmbed = new("/api/embeddings", "embeddings");

    public string Protocol => "ollama";

    public IReadOnlyList<ProviderRoute> Routes { get; } = [Chat, Generate, Embed, OldEmbed];

    public IReadOnlyList<string> ModelLists { get; } = ["/api/tags"];

    public RequestReading ReadRequest(CallTarget target, ReadOnlyMemory<byte> body, IHeaderDictionary headers) =>
        OllamaRequestReader.Read(body, isEmbedding: target.Route.Kind == Embed.Kind);

    public UsageReader ReaderFor(CallTarget target, ProviderRequest request, Upstream upstream) =>
        request.Stream ? new OllamaStreamUsage(isChat: target.Route == Chat) : new OllamaJsonUsage();

    public RefusalAnswer Refuse(Refusal refusal) => OllamaRefusals.Answer(refusal);

    public bool Knows(IHeaderDictionary headers) => false;

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

    /// <summary>A server of one's own asks for no credential; Ollama's cloud does.</summary>
    public void Authorize(HttpRequestMessage request, Upstream upstream, SplicedBody body)
    {
        if (upstream.Credential.Length > 0)
            request.Headers.TryAddWithoutValidation("Authorization", "Bearer " + upstream.Credential);
    }

    /// <summary>Ollama's clients know no rate headers.</summary>
    public void WriteRate(IHeaderDictionary headers, string what, RateStanding standing)
    {
    }

    /// <summary>How large a model is, and when it came, the gateway does not know.</summary>
    private static void Describe(Utf8JsonWriter json, string model)
    {
        json.WriteString("name", model);
        json.WriteString("model", model);
        json.WriteString("modified_at", "1970-01-01T00:00:00Z");
        json.WriteNumber("size", 0);
        json.WriteString("digest", "");
        json.WriteStartObject("details");
        json.WriteEndObject();
    }
}
