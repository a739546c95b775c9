using Microsoft.AspNetCore.WebUtilities;
using Quota.Gateway.Providers.OpenAi;

namespace Quota.Gateway.Providers.Azure;

/// <summary>
/// Azure OpenAI (learn.microsoft.com/azure/ai-services/openai/reference): OpenAI's endpoints below <c>/openai/v1</c>, and below a deployment, whose
/// name in the path counts whatever the body says. An upstream's <c>names</c> say which deployment a model is.
/// </summary>
internal sealed class AzureAdapter : IProviderAdapter
{
    private const string Deployment = "/openai/deployments/{model}";

    /// <summary>The first version of the API that takes <c>stream_options</c> and <c>max_completion_tokens</c>; older ones answer them with 400.</summary>
    private const string FirstWithOptions = "2024-09-01";

    private static readonly (ProviderRoute Route, OpenAiEndpoint Endpoint)[] All =
    [
        Place(Deployment + "/chat/completions", OpenAiEndpoint.Chat),
        Place(Deployment + "/completions", OpenAiEndpoint.Completions),
        Place(Deployment + "/embeddings", OpenAiEndpoint.Embeddings),
        Place(Deployment + "/images/generations", OpenAiEndpoint.Images),
        Place(Deployment + "/audio/speech", OpenAiEndpoint.Speech),
        Place(Deployment + "/audio/transcriptions", OpenAiEndpoint.Transcripts, streamsBody: true),
        Place(Deployment + "/audio/translations", OpenAiEndpoint.Transcripts, streamsBody: true),
        Place("/openai/v1/chat/completions", OpenAiEndpoint.Chat),
        Place("/openai/v1/responses", OpenAiEndpoint.Responses),
        Place("/openai/v1/embeddings", OpenAiEndpoint.Embeddings),
        Place("/openai/responses", OpenAiEndpoint.Responses),
    ];

    private static readonly OpenAiLike OpenAi = OpenAiLike.Of("openai");

    public string Protocol => "azure";

    public IReadOnlyList<ProviderRoute> Routes { get; } = [.. All.Select(it => it.Route)];

    public IReadOnlyList<string> ModelLists => ["/openai/v1/models", "/openai/models"];

    public RequestReading ReadRequest(CallTarget target, ReadOnlyMemory<byte> body, IHeaderDictionary headers)
    {
        var reading = EndpointOf(target).Read(body, headers, target.Model);
        return reading.Request is { } request && IsOld(target) ? InOldWords(request) : reading;
    }

    public ProviderRequest Prepare(ProviderRequest request, Upstream upstream) => request.AskingForUsage();

    public UsageReader ReaderFor(CallTarget target, ProviderRequest request, Upstream upstream) => EndpointOf(target).Reader(request, OpenAi);

    public RefusalAnswer Refuse(Refusal refusal) => AzureRefusals.Answer(refusal);

    public bool Knows(IHeaderDictionary headers) => false;

    public byte[] WriteModels(IReadOnlyList<string> models) => OpenAiModels.Write(models);

    public byte[] WriteModel(string model) => OpenAiModels.Write(model);

    public void Authorize(HttpRequestMessage request, Upstream upstream, SplicedBody body) => request.Headers.TryAddWithoutValidation("api-key", upstream.Credential);

    public void WriteRate(IHeaderDictionary headers, string what, RateStanding standing) => OpenAiRates.Write(headers, what, standing);

    /// <summary>Only deployments have dated versions that are so old; a date sorts as text.</summary>
    private static bool IsOld(CallTarget target) => target.Route.NamesModel
        && string.CompareOrdinal(QueryHelpers.ParseQuery(target.Query).GetValueOrDefault("api-version").ToString(), FirstWithOptions) < 0;

    /// <summary>Streams of an old version tell no usage and are estimated; its output bound is <c>max_tokens</c>.</summary>
    private static ProviderRequest InOldWords(ProviderRequest request) => request with
    {
        UsageAsk = null,
        BoundPlace = request.OldBoundPlace ?? (request.BoundPlace is { } place ? place with { Before = place.Before.Replace("max_completion_tokens", "max_tokens", StringComparison.Ordinal) } : null),
    };

    private static OpenAiEndpoint EndpointOf(CallTarget target) => Array.Find(All, it => it.Route == target.Route).Endpoint;

    private static (ProviderRoute, OpenAiEndpoint) Place(string path, OpenAiEndpoint endpoint, bool streamsBody = false) => (endpoint.At(path) with { StreamsBody = streamsBody }, endpoint);
}
