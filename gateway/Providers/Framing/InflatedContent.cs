using System.Buffers;
using System.IO.Compression;

namespace Quota.Gateway.Providers.Framing;

/// <summary>
/// <c>gzip</c> and <c>deflate</c>. The library inflates streams only, so it reads from one that has what came last: starved it gives nothing, and
/// goes on when there is more. Its window is 32 KiB.
/// </summary>
/// <param name="isGzip">Else <c>deflate</c>, which is the zlib format (RFC 9110, 8.4.1.2), though some send it without zlib's frame.</param>
internal sealed class InflatedContent(bool isGzip) : IContentDecoder
{
    private readonly LastPiece _encoded = new();
    private Stream? _inflating;

    public OperationStatus Decode(ReadOnlySpan<byte> encoded, Span<byte> decoded, out int taken, out int written)
    {
        (taken, written) = (_encoded.Put(encoded), 0);
        if (taken == 0 && _inflating is null)
            return OperationStatus.NeedMoreData;
        _inflating ??= Open(encoded[0]);
        try
        {
            written = _inflating.Read(decoded);
        }
        catch (Exception problem) when (problem is InvalidDataException or IOException)
        {
            return OperationStatus.InvalidData;
        }
        if (written > 0)
            return OperationStatus.DestinationTooSmall;
        _encoded.Clear();   // what is not wanted stands behind the end
        return OperationStatus.NeedMoreData;
    }

    public void Dispose() => _inflating?.Dispose();

    /// <summary>A zlib frame begins with a byte that ends in 8 (RFC 1950, 2.2). Bare deflate never does: it would be a stored block with set padding.</summary>
    private Stream Open(byte first) =>
        isGzip ? new GZipStream(_encoded, CompressionMode.Decompress)
        : (first & 0x0f) == 8 ? new ZLibStream(_encoded, CompressionMode.Decompress)
        : new DeflateStream(_encoded, CompressionMode.Decompress);

    /// <summary>A stream that has at most one small piece.</summary>
    private sealed class LastPiece : Stream
    {
        private readonly byte[] _bytes = new byte[4096];
        private int _at, _end;

        public override bool CanRead => true;
        public override bool CanSeek => false;
        public override bool CanWrite => false;
        public override long Length => throw new NotSupportedException();
        public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

        /// <summary>Takes what fits, once the last piece is read; answers how much it took.</summary>
        public int Put(ReadOnlySpan<byte> piece)
        {
            if (_at < _end)
                return 0;
            (_at, _end) = (0, Math.Min(piece.Length, _bytes.Length));
            piece[.._end].CopyTo(_bytes);
            return _end;
        }

        public void Clear() => _at = _end;

        public override int Read(Span<byte> buffer)
        {
            var count = Math.Min(buffer.Length, _end - _at);
            _bytes.AsSpan(_at, count).CopyTo(buffer);
            _at += count;
            return count;
        }

        public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));
        public override void Flush() => throw new NotSupportedException();
        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();
        public override void SetLength(long value) => throw new NotSupportedException();
        public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
    }
}
