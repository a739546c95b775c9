using System.Buffers;

namespace Quota.Gateway.Providers.Framing;

/// <summary>
/// Usage of an answer that comes compressed although <c>identity</c> was asked for. It is decoded for another reader to look at; the client gets the
/// bytes as they came.
/// </summary>
/// <remarks>
/// So it passes whole: nothing is hidden, also not the usage chunk that we asked for, and it is never cut, since bytes cannot be left out of it
/// nor an ending put to it. <see cref="UsageReader.Next"/> and <see cref="End"/> therefore tell of no event to decide about. What cannot be decoded,
/// or decodes to more than anybody says, passes unread from there on, each of its bytes counted as <see cref="TextBytesPerByte"/>. A reader that is
/// never ended leaves its window to the finalizer.
/// </remarks>
internal sealed class DecodedUsage : UsageReader
{
    /// <summary>No more than this is looked at.</summary>
    public const int MaxDecodedBytes = 256 << 20;

    /// <summary>Nor when one byte gave more than this many, after the first <see cref="FreeDecodedBytes"/>.</summary>
    public const int MaxRatio = 1_000;

    /// <summary>A short answer of blanks may be small.</summary>
    public const int FreeDecodedBytes = 1 << 20;

    /// <summary>Plain text compresses to a quarter or a third.</summary>
    public const int TextBytesPerByte = 4;

    private const int ChunkBytes = 16 * 1024;

    private readonly UsageReader _inner;
    private IContentDecoder? _decoder;
    private long _encoded, _decoded, _unread;
    private bool _isOver;

    private DecodedUsage(UsageReader inner, IContentDecoder? decoder) => (_inner, _decoder) = (inner, decoder);

    public override long OutputBytes => _inner.OutputBytes + _unread * TextBytesPerByte;

    public override long TextEvents => _inner.TextEvents;

    /// <summary>The reader of an answer with this <c>Content-Encoding</c>: <paramref name="inner"/> itself when it is not compressed. An unknown coding, such as zstd, or several on one another, are not read.</summary>
    public static UsageReader For(string? contentEncoding, UsageReader inner) => contentEncoding?.Trim().ToUpperInvariant() switch
    {
        null or "" or "IDENTITY" => inner,
        "GZIP" or "X-GZIP" => new DecodedUsage(inner, new InflatedContent(isGzip: true)),
        "DEFLATE" => new DecodedUsage(inner, new InflatedContent(isGzip: false)),
        "BR" => new DecodedUsage(inner, new BrotliContent()),
        _ => new DecodedUsage(inner, null),
    };

    public override void Answered(System.Net.Http.Headers.HttpResponseHeaders headers)
    {
        _inner.Answered(headers);
        TakeOver();
    }

    public override void Feed(ReadOnlySpan<byte> data, IBufferWriter<byte>? kept)
    {
        kept?.Write(data);
        if (_decoder is null)
            _unread += _isOver ? 0 : data.Length;
        else
            Decode(_decoder, data);
    }

    public override EventStep End(IBufferWriter<byte>? kept)
    {
        StopDecoding();
        _inner.End(null);
        TakeOver();
        return EventStep.More;
    }

    private void Decode(IContentDecoder decoder, ReadOnlySpan<byte> data)
    {
        _encoded += data.Length;
        var chunk = ArrayPool<byte>.Shared.Rent(ChunkBytes);
        var status = OperationStatus.DestinationTooSmall;
        while (status == OperationStatus.DestinationTooSmall || (status == OperationStatus.NeedMoreData && !data.IsEmpty))
        {
            status = decoder.Decode(data, chunk, out var taken, out var written);
            if (IsTooMuch(_decoded += written))
                status = OperationStatus.InvalidData;
            if (status != OperationStatus.InvalidData)
                data = data[taken..];
            _inner.Feed(chunk.AsSpan(0, written), null);
        }
        ArrayPool<byte>.Shared.Return(chunk);
        _isOver = status == OperationStatus.Done;
        _unread += status == OperationStatus.InvalidData ? data.Length : 0;
        if (status != OperationStatus.NeedMoreData)
            StopDecoding();
        TakeOver();
    }

    private bool IsTooMuch(long decoded) => decoded > MaxDecodedBytes || (decoded > FreeDecodedBytes && decoded / MaxRatio > _encoded);

    private void StopDecoding()
    {
        _decoder?.Dispose();
        _decoder = null;
    }

    private void TakeOver()
    {
        (Usage, InputKnown, UsageRaw, IsComplete) = (_inner.Usage, _inner.InputKnown, _inner.UsageRaw, _inner.IsComplete);
        (ResponseModel, ServiceTier, ProviderCost) = (_inner.ResponseModel, _inner.ServiceTier, _inner.ProviderCost);
    }
}
