using Quota.Gateway.Providers.Framing;

namespace Quota.Gateway.Providers.Gemini;

/// <summary>
/// An event an element of one JSON array, as <c>streamGenerateContent</c> streams without <c>alt=sse</c> (RFC 8259, section 5). What stands before an
/// element, the bracket or a comma, belongs to it; the array's end is an event named <c>]</c>. An object that is in no array is one event.
/// </summary>
internal sealed class JsonArrayReader(EventReader.OnEvent onEvent) : EventReader(onEvent)
{
    private static readonly System.Buffers.SearchValues<byte> InString = System.Buffers.SearchValues.Create("\"\\"u8);
    private static readonly System.Buffers.SearchValues<byte> Structure = System.Buffers.SearchValues.Create("\"{}[]"u8);

    private bool _isArray, _string, _escape;
    private long _depth;

    protected override int EndIn(ReadOnlySpan<byte> data)
    {
        for (var at = 0; at < data.Length;)
        {
            if (_escape)
            {
                _escape = false;
                at++;
                continue;
            }
            var stop = data[at..].IndexOfAny(_string ? InString : Structure);
            if (stop < 0)
                return NotYet;
            at += stop + 1;
            if (IsEnd(data[at - 1]))
                return at;
        }
        return NotYet;
    }

    protected override bool TryRead(ReadOnlySpan<byte> whole, out EventPiece piece)
    {
        var data = whole.TrimStart(" \t\r\n,["u8).TrimEnd(" \t\r\n"u8);
        piece = data is [(byte)']'] ? new EventPiece(data, default) : new EventPiece(default, data);
        return true;
    }

    /// <summary>Whether this byte, one that means something, ends an element or the array.</summary>
    private bool IsEnd(byte mark)
    {
        switch (mark)
        {
            case (byte)'\\':
                _escape = true;
                return false;
            case (byte)'"':
                _string = !_string;
                return false;
            case (byte)'{' or (byte)'[':
                _isArray = _depth == 0 ? mark == '[' : _isArray;
                _depth++;
                return false;
            default:
                _depth = Math.Max(0, _depth - 1);
                return _depth == 0 || (_isArray && _depth == 1);
        }
    }
}
