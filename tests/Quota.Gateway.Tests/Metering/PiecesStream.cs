namespace Quota.Gateway.Tests.Metering;

/// <summary>An upstream's answer that comes in given pieces, one a read.</summary>
internal sealed class PiecesStream(IEnumerable<byte[]> pieces) : Stream
{
    private readonly Queue<byte[]> _pieces = new(pieces.Where(piece => piece.Length > 0));

    public bool IsDisposed { get; private set; }

    /// <summary>Called while a piece is on its way, with how many came before it.</summary>
    public Action<int>? BeforePiece { get; set; }

    /// <summary>Whether the last piece is followed by an exception instead of an end.</summary>
    public bool Breaks { get; init; }

    public int Given { get; private set; }

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        ObjectDisposedException.ThrowIf(IsDisposed, this);
        await Task.Yield();
        if (buffer.IsEmpty)
            return 0;
        if (_pieces.Count == 0)
            return Breaks ? throw new IOException("the upstream broke off") : 0;
        BeforePiece?.Invoke(Given);
        var piece = _pieces.Peek();
        if (piece.Length > buffer.Length)
            throw new InvalidOperationException("the piece is larger than the read");
        Given++;
        _pieces.Dequeue().CopyTo(buffer);
        return piece.Length;
    }

    protected override void Dispose(bool disposing)
    {
        IsDisposed = true;
        base.Dispose(disposing);
    }

    public override bool CanRead => true;
    public override bool CanSeek => false;
    public override bool CanWrite => false;
    public override long Length => throw new NotSupportedException();
    public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }
    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();
    public override void Flush() => throw new NotSupportedException();
    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();
    public override void SetLength(long value) => throw new NotSupportedException();
    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
}
