using System.Net.Http.Headers;

namespace Quota.Gateway.Providers.Gemini;

/// <summary>
/// Usage of an answer that comes as one JSON object: <c>usageMetadata</c> and <c>modelVersion</c>. An answer to embeddings may have neither; it is then estimated.
/// </summary>
internal sealed class GeminiJsonUsage() : WholeUsage("usageMetadata", "modelVersion")
{
    public override void Answered(HttpResponseHeaders headers) => ServiceTier = GeminiTier.Of(headers);

    protected override void Read()
    {
        ResponseModel = ModelName.Parse(Value("modelVersion"));
        if (Value("usageMetadata") is not { } raw || GenerateContentUsage.Parse(raw) is not { } usage)
            return;
        (Usage, UsageRaw) = (usage, raw);
        ServiceTier = GeminiTier.Of(raw) ?? ServiceTier;
    }
}
