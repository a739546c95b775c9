using System.Buffers;
using System.IO.Compression;

namespace Quota.Gateway.Providers.Framing;

/// <summary><c>br</c> (RFC 7932). Its window is 16 MiB at most.</summary>
internal sealed class BrotliContent : IContentDecoder
{
    private BrotliDecoder _brotli;

    public OperationStatus Decode(ReadOnlySpan<byte> encoded, Span<byte> decoded, out int taken, out int written) => _brotli.Decompress(encoded, decoded, out taken, out written);

    public void Dispose() => _brotli.Dispose();
}
