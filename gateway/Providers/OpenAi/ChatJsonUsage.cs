using System.Buffers;

namespace Quota.Gateway.Providers.OpenAi;

/// <summary>Usage of a chat completion that comes as one JSON object.</summary>
internal sealed class ChatJsonUsage : UsageReader
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
        UsageRaw = _scanner.Value("usage");
        Usage = UsageRaw is null ? null : ChatUsage.Parse(UsageRaw);
        UsageRaw = Usage is null ? null : UsageRaw;
        ResponseModel = ModelName.Parse(_scanner.Value("model"));
    }
}
