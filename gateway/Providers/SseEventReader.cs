using System.Buffers;

namespace Quota.Gateway.Providers;

/// <summary>
/// Splits a stream of server-sent events (WHATWG HTML, 9.2) into events, however the bytes are cut. Whole events inside one piece are
/// looked at in place; only one that is cut is kept, up to <see cref="MaxEventBytes"/>. A longer one passes unread.
/// </summary>
internal sealed class SseEventReader(SseEventReader.OnEvent onEvent)
{
    /// <summary>No provider's usage comes in an event this large.</summary>
    public const int MaxEventBytes = 1 << 20;

    private readonly ArrayBufferWriter<byte> _partial = new(256);
    private int _out;   // so many bytes of the event in progress are with the client already
    private bool _tooLong;

    /// <summary>Gets an event's data (its <c>data:</c> lines joined by a line feed); answers whether the client may see the event.</summary>
    public delegate bool OnEvent(ReadOnlySpan<byte> data);

    /// <summary>Bytes of events that passed unread.</summary>
    public long UnreadBytes { get; private set; }

    /// <summary>Whether the client had a part of the last event before its end was seen.</summary>
    public bool WasPartlyOut { get; private set; }

    /// <summary>What has come of the event in progress.</summary>
    public ReadOnlySpan<byte> Rest => _tooLong ? default : _partial.WrittenSpan;

    /// <summary>Sees the next bytes. Without <paramref name="kept"/> the client gets them whatever they are.</summary>
    public void Feed(ReadOnlySpan<byte> data, IBufferWriter<byte>? kept)
    {
        while (!data.IsEmpty)
        {
            Step(data, kept, passesTooLong: true, out var taken);
            data = data[taken..];
        }
    }

    /// <summary>Sees the next bytes up to the end of the event in progress.</summary>
    public EventStep Next(ReadOnlySpan<byte> data, IBufferWriter<byte> kept, out int taken) => Step(data, kept, passesTooLong: false, out taken);

    /// <summary>
    /// The stream ended. What is left over is read as an event, although its blank line is missing: some servers leave it out, and many
    /// clients do not mind.
    /// </summary>
    public EventStep End(IBufferWriter<byte>? kept)
    {
        if (Rest.IsEmpty)
            return EventStep.More;
        Pass(_partial.WrittenSpan, kept);
        _partial.ResetWrittenCount();
        return EventStep.Whole;
    }

    private EventStep Step(ReadOnlySpan<byte> data, IBufferWriter<byte>? kept, bool passesTooLong, out int taken)
    {
        var length = EventLength(data);
        taken = length == 0 ? data.Length : length;
        if (length == 0)
            return Keep(data, kept, passesTooLong);
        Take(data[..length], kept);
        return EventStep.Whole;
    }

    private EventStep Keep(ReadOnlySpan<byte> data, IBufferWriter<byte>? kept, bool passesTooLong)
    {
        if (!_tooLong && _partial.WrittenCount + data.Length > MaxEventBytes)
        {
            WasPartlyOut = passesTooLong || _out > 0;
            if (!WasPartlyOut)
                return EventStep.TooLong;
            kept?.Write(_partial.WrittenSpan[_out..]);
            UnreadBytes += _partial.WrittenCount;
            Tail([]);
            _tooLong = true;
        }
        if (_tooLong)
        {
            kept?.Write(data);
            UnreadBytes += data.Length;
            Tail(data);
            return EventStep.More;
        }
        _partial.Write(data);
        if (kept is null)
            _out = _partial.WrittenCount;
        return EventStep.More;
    }

    /// <summary>Of an event that passes unread only the last bytes are kept, to find its end.</summary>
    private void Tail(ReadOnlySpan<byte> data)
    {
        Span<byte> tail = stackalloc byte[3];
        var before = Math.Min(_partial.WrittenCount, Math.Max(0, 3 - data.Length));
        _partial.WrittenSpan[^before..].CopyTo(tail);
        var added = data[Math.Max(0, data.Length - 3)..];
        added.CopyTo(tail[before..]);
        _partial.ResetWrittenCount();
        _partial.Write(tail[..(before + added.Length)]);
    }

    private void Take(ReadOnlySpan<byte> last, IBufferWriter<byte>? kept)
    {
        if (_tooLong)
        {
            kept?.Write(last);
            UnreadBytes += last.Length;
            (_tooLong, _out, WasPartlyOut) = (false, 0, true);
            _partial.ResetWrittenCount();
            return;
        }
        if (_partial.WrittenCount == 0)
        {
            Pass(last, kept);
            return;
        }
        _partial.Write(last);
        Pass(_partial.WrittenSpan, kept);
        _partial.ResetWrittenCount();
    }

    private void Pass(ReadOnlySpan<byte> whole, IBufferWriter<byte>? kept)
    {
        WasPartlyOut = _out > 0;
        if (onEvent(DataOf(whole)) || WasPartlyOut)
            kept?.Write(whole[_out..]);
        _out = 0;
    }

    /// <summary>Bytes of <paramref name="data"/> up to and with the blank line that ends the event in progress; 0 when it is not there yet.</summary>
    private int EventLength(ReadOnlySpan<byte> data)
    {
        // Whether the byte before `data` ended a line: "\n" just kept, or "\n\r" waiting for its "\n".
        var before = _partial.WrittenSpan;
        var lineStart = before.Length == 0 ? -1 : before[^1] == '\n' ? 0 : before.Length > 1 && before[^1] == '\r' && before[^2] == '\n' ? 0 : -1;
        if (lineStart == 0 && before[^1] == '\r' && data[0] == '\n')
            return 1;
        if (lineStart == 0 && before[^1] == '\n')
        {
            if (data[0] == '\n')
                return 1;
            if (data.Length > 1 && data[0] == '\r' && data[1] == '\n')
                return 2;
        }
        for (var i = 0; i < data.Length;)
        {
            var newline = data[i..].IndexOf((byte)'\n');
            if (newline < 0)
                return 0;
            i += newline + 1;
            if (i < data.Length && data[i] == '\n')
                return i + 1;
            if (i + 1 < data.Length && data[i] == '\r' && data[i + 1] == '\n')
                return i + 2;
        }
        return 0;
    }

    private static ReadOnlySpan<byte> DataOf(ReadOnlySpan<byte> whole)
    {
        ReadOnlySpan<byte> first = default;
        byte[]? joined = null;
        foreach (var range in whole.Split((byte)'\n'))
        {
            var line = whole[range];
            if (!line.StartsWith("data:"u8))
                continue;
            line = line[5..];
            if (line.Length > 0 && line[0] == ' ')
                line = line[1..];
            if (line.Length > 0 && line[^1] == '\r')
                line = line[..^1];
            if (joined is null && first.IsEmpty)
                first = line;
            else
                joined = [.. joined ?? first, (byte)'\n', .. line];
        }
        return joined ?? first;
    }
}
