using System.Buffers;
using System.Net.Http.Headers;

namespace Quota.Gateway.Providers.Gemini;

/// <summary>
/// Usage of an answer that comes as one JSON object: <c>usageMetadata</c> and <c>modelVersion</c>. An answer to embeddings may have neither; it is then estimated.
/// </summary>
internal sealed class GeminiJsonUsage : UsageReader
{
    private readonly JsonFieldScanner _scanner = new("usageMetadata", "modelVersion");
    private long _bytes;

    /// <summary>Only for an estimate when no usage comes: the object around the text counts as text.</summary>
    public override long OutputBytes => _bytes;

    public override void Answered(HttpResponseHeaders headers) => ServiceTier = GeminiTier.Of(headers);

    public override void Feed(ReadOnlySpan<byte> data, IBufferWriter<byte>? kept)
    {
        kept?.Write(data);
        _bytes += data.Length;
        if (IsComplete)
            return;
        _scanner.Feed(data);
        if (!_scanner.IsComplete)
            return;
        IsComplete = true;
        ResponseModel = ModelName.Parse(_scanner.Value("modelVersion"));
        if (_scanner.Value("usageMetadata") is not { } raw || GenerateContentUsage.Parse(raw) is not { } usage)
            return;
        (Usage, UsageRaw) = (usage, raw);
        ServiceTier = GeminiTier.Of(raw) ?? ServiceTier;
    }
}
