using Quota.Gateway.Providers.OpenAi;

namespace Quota.Gateway.Providers.Generic;

/// <summary>
/// Any HTTP API: every method and path below <c>/{upstream}</c>. The model is the upstream's name, and with <c>model: { header: … }</c> what that
/// header says below it (<c>ocr/large</c>), so that keys, limits and prices can tell them apart. Refusals are in OpenAI's words.
/// </summary>
internal sealed class GenericAdapter(TimeProvider clock) : IProviderAdapter
{
    public const string Word = "generic", Kind = "other";

    /// <summary>The header that carries the credential, where it is not <c>Authorization: Bearer</c>.</summary>
    public const string CredentialHeader = "credential_header";

    /// <summary>What a body may have that does not say its length: the most that <c>Limits__MaxUploadBytes</c> allows.</summary>
    private const long MostBytes = 1L << 30;

    public string Protocol => Word;

    /// <summary>Stands for those that <see cref="GenericRoutes"/> finds.</summary>
    public IReadOnlyList<ProviderRoute> Routes { get; } = [new("/{upstream}", Kind)];

    public IReadOnlyList<string> ModelLists => [];

    public RequestReading ReadRequest(CallTarget target, ReadOnlyMemory<byte> body, IHeaderDictionary headers)
    {
        if (target.Route.Upstream is not { } upstream)
            return new Refusal.UnknownModel(target.Route.Template);
        var model = upstream.Name;
        if (upstream.ModelHeader is { } name)
        {
            if (headers[name] is not [{ Length: > 0 and <= 128 } said] || RequestJson.HasControl(said))
                return new Refusal.BadRequest(name, $"The header {name} must name a model, once, in at most 128 characters.");
            model += "/" + said;
        }
        var bytes = headers.ContentLength ?? (headers.ContainsKey("Transfer-Encoding") ? MostBytes : 0);
        long Most(string unit) => upstream.Units.FirstOrDefault(it => it.Unit == unit)?.Most ?? 0;
        return new ProviderRequest
        {
            Model = model,
            Stream = false,
            InputBytes = bytes,
            MostInputTokens = Most("input_tokens"),   // its bytes are no tokens
            HasMedia = false,
            Images = Most("images"),
            Seconds = Most(UnitSource.Seconds),
            Characters = Most("characters"),
            OutputBound = Most("output_tokens"),
            Choices = 1,
            StreamsBody = true,
            Body = default,
            BoundPlace = null,
        };
    }

    public string PathFor(CallTarget target, string model) => target.Route.Below;

    public UsageReader ReaderFor(CallTarget target, ProviderRequest request, Upstream upstream) => new GenericUsage(upstream.Units, clock);

    public RefusalAnswer Refuse(Refusal refusal) => OpenAiRefusals.Answer(refusal);

    public bool Knows(IHeaderDictionary headers) => false;

    public byte[] WriteModels(IReadOnlyList<string> models) => throw new NotSupportedException("a generic upstream has no list of models");

    public byte[] WriteModel(string model) => throw new NotSupportedException("a generic upstream has no list of models");

    public void Authorize(HttpRequestMessage request, Upstream upstream, SplicedBody body)
    {
        if (upstream.Credential.Length == 0)
            return;
        var name = upstream.Options.GetValueOrDefault(CredentialHeader);
        request.Headers.Remove(name ?? "Authorization");   // what the client says there is not ours
        request.Headers.TryAddWithoutValidation(name ?? "Authorization", name is null ? "Bearer " + upstream.Credential : upstream.Credential);
    }

    /// <summary>Nobody knows which rate headers its clients read.</summary>
    public void WriteRate(IHeaderDictionary headers, string what, RateStanding standing)
    {
    }
}
