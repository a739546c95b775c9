namespace Quota.Gateway.Providers;

/// <summary>At <paramref name="At"/> of the original, <paramref name="Remove"/> bytes give way to <paramref name="Insert"/>.</summary>
internal readonly record struct BodyEdit(int At, int Remove, ReadOnlyMemory<byte> Insert);

/// <summary>
/// A client's bytes and the few edits that they are sent with, ordered by place and never overlapping. Nothing is copied: the original
/// must live as long as it is read. <c>default</c> is an empty body.
/// </summary>
internal readonly struct SplicedBody(ReadOnlyMemory<byte> original, params BodyEdit[] edits)
{
    private readonly BodyEdit[]? _edits = edits;

    public ReadOnlyMemory<byte> Original { get; } = original;

    public ReadOnlySpan<BodyEdit> Edits => _edits;

    public long Length
    {
        get
        {
            long length = Original.Length;
            foreach (var edit in Edits)
                length += edit.Insert.Length - edit.Remove;
            return length;
        }
    }

    /// <summary>The same with one more edit; after those at the same place.</summary>
    public SplicedBody With(BodyEdit edit)
    {
        var place = Edits.Length;
        while (place > 0 && Edits[place - 1].At > edit.At)
            place--;
        return new SplicedBody(Original, [.. Edits[..place], edit, .. Edits[place..]]);
    }

    public SplicedStream OpenRead() => new(this);
}

/// <summary>Reads the pieces of a <see cref="SplicedBody"/> in turn. Once disposed it reads no byte more: the buffer below may be another call's by then.</summary>
internal sealed class SplicedStream(SplicedBody body) : SentStream
{
    private SplicedBody _body = body;
    private int _at, _edit, _inserted;
    private bool _disposed;

    public override int Read(Span<byte> buffer)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        var count = 0;
        while (count < buffer.Length && Next(buffer.Length - count) is { IsEmpty: false } piece)
        {
            piece.CopyTo(buffer[count..]);
            count += piece.Length;
        }
        Taken += count;
        WasReadWhole |= Taken == _body.Length;
        return count;
    }

    public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) =>
        cancellationToken.IsCancellationRequested ? ValueTask.FromCanceled<int>(cancellationToken) : new(Read(buffer.Span));

    /// <summary>The next bytes that stand together, at most <paramref name="most"/>; empty at the end.</summary>
    private ReadOnlySpan<byte> Next(int most)
    {
        var edits = _body.Edits;
        while (_edit < edits.Length && edits[_edit].At == _at)
        {
            var rest = edits[_edit].Insert.Span[_inserted..];
            if (rest.Length > 0)
            {
                rest = rest[..Math.Min(most, rest.Length)];
                _inserted += rest.Length;
                return rest;
            }
            _at += edits[_edit].Remove;
            (_edit, _inserted) = (_edit + 1, 0);
        }
        var end = _edit < edits.Length ? edits[_edit].At : _body.Original.Length;
        var piece = _body.Original.Span[_at..end];
        piece = piece[..Math.Min(most, piece.Length)];
        _at += piece.Length;
        return piece;
    }

    protected override void Dispose(bool disposing)
    {
        (_disposed, _body) = (true, default);
        base.Dispose(disposing);
    }

    public override bool CanRead => !_disposed;
    public override long Length => _body.Length;
}
