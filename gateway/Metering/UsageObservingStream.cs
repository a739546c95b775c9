using System.Buffers;
using Quota.Shared.Usage;

namespace Quota.Gateway.Metering;

/// <summary>
/// Passes an upstream's answer through while its usage is read. Nothing is held back but, when the client must not see the usage chunk
/// that we asked for, the event in progress. The call is ended before the read that completes the answer returns.
/// </summary>
internal sealed class UsageObservingStream(Stream upstream, CallMeter call, long? contentLength, bool hidesUsage) : Stream
{
    private const int ChunkBytes = 16 * 1024;
    private readonly ArrayBufferWriter<byte>? _kept = hidesUsage ? new ArrayBufferWriter<byte>(ChunkBytes) : null;
    private readonly byte[]? _chunk = hidesUsage ? ArrayPool<byte>.Shared.Rent(ChunkBytes) : null;
    private int _handedOut;
    private long _seen;
    private bool _ended, _disposed;

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        if (buffer.IsEmpty)   // YARP asks so whether there is something to read, before it rents a buffer: not an end
            return _kept is null || (_handedOut == _kept.WrittenCount && !_ended) ? await upstream.ReadAsync(buffer, cancellationToken) : 0;
        if (_kept is null)
            return await ReadUpstreamAsync(buffer, cancellationToken);
        while (_handedOut == _kept.WrittenCount)
        {
            if (_ended)
                return 0;
            _kept.ResetWrittenCount();
            _handedOut = 0;
            _ended = await ReadUpstreamAsync(_chunk, cancellationToken) == 0;
        }
        var count = Math.Min(buffer.Length, _kept.WrittenCount - _handedOut);
        _kept.WrittenMemory.Slice(_handedOut, count).CopyTo(buffer);
        _handedOut += count;
        return count;
    }

    private async ValueTask<int> ReadUpstreamAsync(Memory<byte> buffer, CancellationToken cancellationToken)
    {
        var count = await upstream.ReadAsync(buffer, cancellationToken);
        if (count == 0)
        {
            call.Reader.End(_kept);
            await call.EndAsync(call.Reader.IsComplete || call.Reader.Usage is not null ? UsageStatus.Completed : call.HasServed ? UsageStatus.CutOff : UsageStatus.Failed);
            return 0;
        }
        call.FirstByte();
        _seen += count;
        call.Reader.Feed(buffer.Span[..count], _kept);
        if (call.Reader.IsComplete || _seen == contentLength)
            await call.EndAsync(UsageStatus.Completed);
        return count;
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing && _chunk is not null && !_disposed)
            ArrayPool<byte>.Shared.Return(_chunk);
        _disposed = true;
        if (disposing)
            upstream.Dispose();
        base.Dispose(disposing);
    }

    public override bool CanRead => true;
    public override bool CanSeek => false;
    public override bool CanWrite => false;
    public override long Length => throw new NotSupportedException();
    public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }
    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) => ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();
    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException("answers are read asynchronously");
    public override void Flush() => throw new NotSupportedException();
    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();
    public override void SetLength(long value) => throw new NotSupportedException();
    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
}
