namespace Quota.Gateway.Providers.OpenAi;

/// <summary>OpenAI, and the many that copy it (platform.openai.com/docs/api-reference).</summary>
internal sealed class OpenAiAdapter : IProviderAdapter
{
    private static readonly (ProviderRoute Route, OpenAiEndpoint Endpoint)[] All =
    [
        Place("/v1/chat/completions", OpenAiEndpoint.Chat),
        Place("/v1/responses", OpenAiEndpoint.Responses),
        Place("/v1/embeddings", OpenAiEndpoint.Embeddings),
        Place("/v1/completions", OpenAiEndpoint.Completions),
        Place("/v1/images/generations", OpenAiEndpoint.Images),
        Place("/v1/images/edits", OpenAiEndpoint.ImageForms, isUpload: true),
        Place("/v1/images/variations", OpenAiEndpoint.ImageForms, isUpload: true),
        Place("/v1/audio/speech", OpenAiEndpoint.Speech),
        Place("/v1/audio/transcriptions", OpenAiEndpoint.Transcripts, isUpload: true),
        Place("/v1/audio/translations", OpenAiEndpoint.Transcripts, isUpload: true),
    ];

    /// <summary>Free of charge (platform.openai.com/docs/guides/moderation).</summary>
    private static readonly ProviderRoute Moderations = new("/v1/moderations", "moderations") { IsFree = true, DefaultModel = "omni-moderation-latest" };   // platform.openai.com/docs/api-reference/moderations/create

    public string Protocol => "openai";

    public IReadOnlyList<ProviderRoute> Routes { get; } = [.. All.Select(it => it.Route), Moderations];

    public RequestReading ReadRequest(CallTarget target, ReadOnlyMemory<byte> body, IHeaderDictionary headers) => EndpointOf(target).Read(body, headers, null);

    public ProviderRequest Prepare(ProviderRequest request, Upstream upstream) => OpenAiLike.Of(upstream.Provider).Prepare(request);

    public UsageReader ReaderFor(CallTarget target, ProviderRequest request, Upstream upstream) => EndpointOf(target).Reader(request, OpenAiLike.Of(upstream.Provider));

    private static OpenAiEndpoint EndpointOf(CallTarget target) => Array.Find(All, it => it.Route == target.Route).Endpoint;

    private static (ProviderRoute, OpenAiEndpoint) Place(string path, OpenAiEndpoint endpoint, bool isUpload = false) => (endpoint.At(path) with { IsUpload = isUpload }, endpoint);

    public RefusalAnswer Refuse(Refusal refusal) => OpenAiRefusals.Answer(refusal);

    public bool Knows(IHeaderDictionary headers) => false;

    public byte[] WriteModels(IReadOnlyList<string> models) => OpenAiModels.Write(models);

    public byte[] WriteModel(string model) => OpenAiModels.Write(model);

    public void Authorize(HttpRequestMessage request, Upstream upstream, SplicedBody body) => request.Headers.TryAddWithoutValidation("Authorization", "Bearer " + upstream.Credential);

    public void WriteRate(IHeaderDictionary headers, string what, RateStanding standing) => OpenAiRates.Write(headers, what, standing);
}
