using System.Buffers;

namespace Quota.Gateway.Metering;

/// <summary>
/// Bytes on their way to the client that were not handed out yet, in rented memory. Its size is bounded by its writer: one read of the
/// upstream, one event in progress and an ending.
/// </summary>
internal sealed class HeldBytes : IBufferWriter<byte>, IDisposable
{
    private byte[] _bytes = [];
    private int _from, _to;

    public bool IsEmpty => _from == _to;

    /// <summary>Where the next byte goes; of use until bytes are handed out.</summary>
    public int Mark => _to;

    /// <summary>Forgets what was written after a mark.</summary>
    public void CutTo(int mark) => _to = mark;

    /// <summary>Moves as many bytes as fit; 0 when there are none.</summary>
    public int HandOut(Span<byte> buffer)
    {
        var count = Math.Min(buffer.Length, _to - _from);
        _bytes.AsSpan(_from, count).CopyTo(buffer);
        _from += count;
        if (IsEmpty)
            _from = _to = 0;
        return count;
    }

    public void Advance(int count) => _to += count;

    public Memory<byte> GetMemory(int sizeHint = 0)
    {
        Reserve(sizeHint);
        return _bytes.AsMemory(_to);
    }

    public Span<byte> GetSpan(int sizeHint = 0)
    {
        Reserve(sizeHint);
        return _bytes.AsSpan(_to);
    }

    public void Dispose()
    {
        ArrayPool<byte>.Shared.Return(_bytes);
        _bytes = [];
        _from = _to = 0;
    }

    private void Reserve(int size)
    {
        if (_bytes.Length - _to >= Math.Max(1, size))
            return;
        var larger = ArrayPool<byte>.Shared.Rent(Math.Max(4096, Math.Max(_bytes.Length * 2, _to + size)));
        _bytes.AsSpan(0, _to).CopyTo(larger);
        ArrayPool<byte>.Shared.Return(_bytes);
        _bytes = larger;
    }
}
