namespace Quota.Gateway.Providers;

/// <summary>A request's body on its way upstream: read once, forwards, to the end.</summary>
internal abstract class SentStream : Stream
{
    /// <summary>Bytes that were taken so far.</summary>
    public long Taken { get; protected set; }

    /// <summary>Every byte was taken, so that the other side may have the whole of it.</summary>
    public bool WasReadWhole { get; protected set; }

    public abstract override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default);

    public override bool CanSeek => false;
    public override bool CanWrite => false;
    public override long Position { get => Taken; set => throw new NotSupportedException(); }
    public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));
    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) => ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();
    public override void Flush() => throw new NotSupportedException();
    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();
    public override void SetLength(long value) => throw new NotSupportedException();
    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
}
