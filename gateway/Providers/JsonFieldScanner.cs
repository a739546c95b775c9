using System.Buffers;

namespace Quota.Gateway.Providers;

/// <summary>
/// Finds chosen fields of the outermost object in a JSON text that comes in pieces, without keeping the text: only the wanted values
/// are kept, each up to <see cref="MaxValueBytes"/>. It trusts the text to be JSON; on anything else it finds nothing.
/// </summary>
internal sealed class JsonFieldScanner(params string[] fields)
{
    public const int MaxValueBytes = 16 * 1024;
    private const int MaxKeyBytes = 64;

    private static readonly SearchValues<byte> InString = SearchValues.Create("\"\\"u8);
    private static readonly SearchValues<byte> Structure = SearchValues.Create("\"{}[],:"u8);

    private readonly Dictionary<string, byte[]> _values = [];
    private readonly ArrayBufferWriter<byte> _key = new(MaxKeyBytes);
    private readonly ArrayBufferWriter<byte> _value = new(256);
    private int _depth;
    private bool _string, _escape, _keyNext, _inKey, _oversized;
    private string? _field;

    /// <summary>The outermost object has closed.</summary>
    public bool IsComplete { get; private set; }

    /// <summary>The raw JSON of a field's last value; null when it was not there or too large.</summary>
    public byte[]? Value(string field) => _values.GetValueOrDefault(field);

    public void Feed(ReadOnlySpan<byte> data)
    {
        while (!data.IsEmpty && !IsComplete)
        {
            var length = _string ? StepInString(data) : Step(data);
            data = data[length..];
        }
    }

    private int StepInString(ReadOnlySpan<byte> data)
    {
        if (_escape)
        {
            _escape = false;
            RecordString(data[..1]);
            return 1;
        }
        var stop = data.IndexOfAny(InString);
        if (stop < 0)
        {
            RecordString(data);
            return data.Length;
        }
        _escape = data[stop] == '\\';
        _string = _escape;
        RecordString(_inKey && !_escape ? data[..stop] : data[..(stop + 1)]);   // a key is kept without its quotes
        return stop + 1;
    }

    private int Step(ReadOnlySpan<byte> data)
    {
        var stop = data.IndexOfAny(Structure);
        if (stop < 0)
        {
            Record(data);
            return data.Length;
        }
        Record(data[..stop]);
        var mark = data[stop];
        switch (mark)
        {
            case (byte)'"':
                _string = true;
                _inKey = _depth == 1 && _keyNext;
                if (_inKey)
                    _key.ResetWrittenCount();
                else
                    Record(data.Slice(stop, 1));
                break;
            case (byte)':' when _depth == 1 && _inKey:
                (_inKey, _keyNext, _oversized) = (false, false, false);
                _field = Array.Find(fields, field => _key.WrittenSpan.SequenceEqual(System.Text.Encoding.UTF8.GetBytes(field)));
                _value.ResetWrittenCount();
                break;
            case (byte)',' when _depth == 1:
                EndValue();
                _keyNext = true;
                break;
            case (byte)'{' or (byte)'[':
                if (_depth > 0)
                    Record(data.Slice(stop, 1));
                if (++_depth == 1)
                    _keyNext = mark == '{';
                break;
            case (byte)'}' or (byte)']':
                if (--_depth > 0)
                {
                    Record(data.Slice(stop, 1));
                    break;
                }
                EndValue();
                IsComplete = true;
                break;
            default:
                Record(data.Slice(stop, 1));
                break;
        }
        return stop + 1;
    }

    private void RecordString(ReadOnlySpan<byte> bytes)
    {
        if (_inKey)
            AppendKey(bytes);
        else
            Record(bytes);
    }

    private void Record(ReadOnlySpan<byte> bytes)
    {
        if (_field is null || _oversized)
            return;
        _oversized = _value.WrittenCount + bytes.Length > MaxValueBytes;
        if (!_oversized)
            _value.Write(bytes);
    }

    private void AppendKey(ReadOnlySpan<byte> bytes)
    {
        var room = MaxKeyBytes - _key.WrittenCount;
        _key.Write(bytes.Length <= room ? bytes : bytes[..Math.Max(0, room)]);
    }

    private void EndValue()
    {
        if (_field is not null && !_oversized && _value.WrittenCount > 0)
            _values[_field] = _value.WrittenSpan.ToArray();
        _field = null;
    }
}
