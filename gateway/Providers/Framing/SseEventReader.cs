namespace Quota.Gateway.Providers.Framing;

/// <summary>
/// Server-sent events (WHATWG HTML, 9.2.6): lines, each ended by CR LF, LF or CR, and a blank one ends the event. Where CR LF may be meant,
/// the event waits for its LF, so that a hidden event goes with all of its bytes.
/// </summary>
internal sealed class SseEventReader(EventReader.OnEvent onEvent) : EventReader(onEvent)
{
    private At _at;
    private bool _hasBegun;
    private int _lines;   // of the event in progress
    private bool _wasOneLine;   // the event that just ended: with what it says, and the blank one

    /// <summary>Where the next byte stands.</summary>
    private enum At
    {
        Line,

        /// <summary>After a line and its LF.</summary>
        NewLine,

        /// <summary>After a line and its CR, to which an LF may belong.</summary>
        Return,

        /// <summary>After a blank line's CR in a stream whose lines end in LF.</summary>
        BlankReturn,
    }

    protected override bool MayBePassedBy => _hasBegun;   // the mark at the stream's beginning is behind us

    protected override bool IsAtBeginning => _at == At.Line && _lines == 0 && _hasBegun;

    protected override void BeginAgain() => (_at, _lines) = (At.Line, 0);

    protected override int EndIn(ReadOnlySpan<byte> data)
    {
        for (var i = 0; i < data.Length;)
        {
            var isLineFeed = data[i] == '\n';
            switch (_at)
            {
                case At.Line:
                    var end = data[i..].IndexOfAny((byte)'\r', (byte)'\n');
                    if (end < 0)
                        return NotYet;
                    i += end + 1;
                    _at = data[i - 1] == '\n' ? At.NewLine : At.Return;
                    _lines++;
                    if (_at == At.NewLine && i < data.Length && data[i] == '\n')   // nearly every event ends so
                    {
                        (_at, _wasOneLine, _lines) = (At.Line, _lines == 1, 0);
                        return i + 1;
                    }
                    break;
                case At.NewLine when isLineFeed:
                    (_at, _wasOneLine, _lines) = (At.Line, _lines == 1, 0);
                    return i + 1;
                case At.NewLine:
                    _at = data[i] == '\r' ? At.BlankReturn : At.Line;
                    i++;
                    break;
                case At.Return when isLineFeed:
                    _at = At.NewLine;
                    i++;
                    break;
                case At.Return when data[i] != '\r':
                    _at = At.Line;
                    break;
                case At.Return:
                    (_at, _wasOneLine, _lines) = (At.Line, false, 0);
                    return i + 1 < data.Length && data[i + 1] == '\n' ? i + 2 : i + 1;
                default:   // BlankReturn
                    (_at, _wasOneLine, _lines) = (At.Line, false, 0);
                    return isLineFeed ? i + 1 : i;
            }
        }
        return NotYet;
    }

    protected override bool TryRead(ReadOnlySpan<byte> whole, out EventPiece piece)
    {
        if (!_hasBegun && whole.StartsWith("\uFEFF"u8))
            whole = whole[3..];
        _hasBegun = true;
        var isOneLine = _wasOneLine;
        _wasOneLine = false;
        if (isOneLine && whole.StartsWith("data: "u8) && whole.EndsWith("\n\n"u8) && whole[^3] != '\r')
        {
            piece = new EventPiece(default, whole[6..^2]);
            return true;
        }
        ReadOnlySpan<byte> name = default, data = default;
        byte[]? joined = null;
        var hasData = false;
        while (!whole.IsEmpty)
        {
            var line = TakeLine(ref whole);
            if (Field(line, "event"u8, out var value))
                name = value;
            else if (Field(line, "data"u8, out value))
            {
                if (hasData)
                    joined = [.. joined ?? data, (byte)'\n', .. value];
                else
                    data = value;
                hasData = true;
            }
        }
        data = joined ?? data;
        piece = data.IsEmpty ? default : new EventPiece(name, data);   // without data it is none
        return true;
    }

    private static ReadOnlySpan<byte> TakeLine(scoped ref ReadOnlySpan<byte> rest)
    {
        var end = rest.IndexOfAny((byte)'\r', (byte)'\n');
        var line = end < 0 ? rest : rest[..end];
        rest = end < 0 ? default : rest[(rest[end..].StartsWith("\r\n"u8) ? end + 2 : end + 1)..];
        return line;
    }

    private static bool Field(ReadOnlySpan<byte> line, ReadOnlySpan<byte> field, out ReadOnlySpan<byte> value)
    {
        value = default;
        if (!line.StartsWith(field))
            return false;
        line = line[field.Length..];
        if (!line.IsEmpty && line[0] != ':')
            return false;
        value = line.IsEmpty ? default : line[(line.StartsWith(": "u8) ? 2 : 1)..];
        return true;
    }
}
