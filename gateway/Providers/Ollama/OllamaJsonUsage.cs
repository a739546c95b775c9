using System.Buffers;

namespace Quota.Gateway.Providers.Ollama;

/// <summary>Usage of an answer that comes as one object, of embeddings always. <c>/api/embeddings</c> tells none, and is estimated.</summary>
internal sealed class OllamaJsonUsage : UsageReader
{
    private readonly OllamaUsage _usage = new();
    private long _bytes;

    /// <summary>Only for an estimate when no usage comes: the object around the text counts as text.</summary>
    public override long OutputBytes => _bytes;

    public override void Feed(ReadOnlySpan<byte> data, IBufferWriter<byte>? kept)
    {
        kept?.Write(data);
        _bytes += data.Length;
        if (IsComplete)
            return;
        _usage.Feed(data);
        if (!_usage.IsWhole)
            return;
        IsComplete = true;
        (Usage, ResponseModel) = (_usage.Counts(), _usage.ResponseModel);
        UsageRaw = Usage is null ? null : _usage.Raw();
    }
}
