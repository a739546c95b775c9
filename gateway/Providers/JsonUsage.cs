using System.Buffers;
using Quota.Shared.Usage;

namespace Quota.Gateway.Providers;

/// <summary>Usage of an answer that comes as one JSON object with <c>usage</c> and <c>model</c> in it.</summary>
/// <param name="parse">The counts of a usage object; null when it is none.</param>
/// <param name="cost">What it says that the call cost; null when nobody says it there.</param>
internal sealed class JsonUsage(JsonUsage.ParseUsage parse, JsonUsage.ParseCost? cost = null) : UsageReader
{
    private readonly JsonFieldScanner _scanner = new("usage", "model", "service_tier");
    private long _bytes;

    public delegate UsageCounts? ParseUsage(ReadOnlySpan<byte> json);

    /// <summary>US dollars; null when it does not say.</summary>
    public delegate decimal? ParseCost(ReadOnlySpan<byte> json);

    /// <summary>Only for an estimate when no usage comes: the object around the text counts as text.</summary>
    public override long OutputBytes => _bytes;

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
        var raw = _scanner.Value("usage");
        Usage = raw is null ? null : parse(raw);
        UsageRaw = Usage is null ? null : raw;
        ProviderCost = Usage is null ? null : cost?.Invoke(raw);
        ResponseModel = ModelName.Parse(_scanner.Value("model"));
        ServiceTier = ModelName.Parse(_scanner.Value("service_tier"));
    }
}
