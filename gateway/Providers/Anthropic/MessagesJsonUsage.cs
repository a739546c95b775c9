using System.Buffers;

namespace Quota.Gateway.Providers.Anthropic;

/// <summary>Usage of a message that comes as one JSON object. The service tier stands inside <c>usage</c>.</summary>
internal sealed class MessagesJsonUsage : UsageReader
{
    private readonly JsonFieldScanner _scanner = new("usage", "model");
    private long _bytes;

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
        ResponseModel = ModelName.Parse(_scanner.Value("model"));
        if (_scanner.Value("usage") is not { } raw || MessagesUsage.Parse(raw) is not { } usage)
            return;
        ServiceTier = usage.ServiceTier;
        if (usage.Counts is { } counts)
            (Usage, UsageRaw) = (counts, raw);
    }
}
