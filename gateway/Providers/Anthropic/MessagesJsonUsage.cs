using System.Buffers;

namespace Quota.Gateway.Providers.Anthropic;

/// <summary>Usage of a message that comes as one JSON object.</summary>
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
        var raw = _scanner.Value("usage");
        Usage = raw is null ? null : MessagesUsage.Parse(raw)?.Counts;
        UsageRaw = Usage is null ? null : raw;
        ResponseModel = ModelName.Parse(_scanner.Value("model"));
    }
}
