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
    private bool _tooLong;

    /// <summary>Gets an event's data (its <c>data:</c> lines joined by a line feed); answers whether the client may see the event.</summary>
    public delegate bool OnEvent(ReadOnlySpan<byte> data);

    public void Feed(ReadOnlySpan<byte> data, IBufferWriter<byte>? kept)
    {
        while (!data.IsEmpty)
        {
            var length = EventLength(data);
            if (length == 0)
            {
                Keep(data, kept);
                return;
            }
            Take(data[..length], kept);
            data = data[length..];
        }
    }

    /// <summary>The stream ended: what is left over is not an event (it has no blank line), and goes on as it is.</summary>
    public void End(IBufferWriter<byte>? kept)
    {
        kept?.Write(_partial.WrittenSpan);
        _partial.ResetWrittenCount();
    }

    private void Keep(ReadOnlySpan<byte> data, IBufferWriter<byte>? kept)
    {
        if (!_tooLong && _partial.WrittenCount + data.Length > MaxEventBytes)
        {
            kept?.Write(_partial.WrittenSpan);
            Tail(_partial.WrittenSpan);
            _tooLong = true;
        }
        if (!_tooLong)
        {
            _partial.Write(data);
            return;
        }
        kept?.Write(data);
        Tail(data);
    }

    /// <summary>Of an event that passes unread only the last bytes are kept, to find its end.</summary>
    private void Tail(ReadOnlySpan<byte> data)
    {
        Span<byte> tail = stackalloc byte[3];
        var joined = data.Length >= 3 ? data[^3..] : data;
        joined.CopyTo(tail);
        _partial.ResetWrittenCount();
        _partial.Write(tail[..joined.Length]);
    }

    private void Take(ReadOnlySpan<byte> last, IBufferWriter<byte>? kept)
    {
        if (_tooLong)
        {
            kept?.Write(last);
            _tooLong = false;
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
        if (onEvent(DataOf(whole)) && kept is not null)
            kept.Write(whole);
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
