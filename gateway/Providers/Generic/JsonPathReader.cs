using System.Buffers;
using System.Text.Json;

namespace Quota.Gateway.Providers.Generic;

/// <summary>
/// Finds the number at a path in a JSON text that comes in pieces. Keeps no more than a token that is cut, and looks no further than
/// <see cref="MaxBytes"/>. On anything but JSON it finds nothing. Of fields that stand twice, the first counts.
/// </summary>
internal sealed class JsonPathReader(JsonPath path)
{
    public const int MaxBytes = 1 << 20;

    private readonly ArrayBufferWriter<byte> _rest = new(256);
    private readonly int[] _index = new int[path.Steps.Count];   // of each array that was gone into, the place of the value to come
    private JsonReaderState _state = new(new JsonReaderOptions { MaxDepth = 64 });
    private int _level;   // steps that were gone
    private int _beside;   // containers open that are not on the path
    private bool _isOver, _isOnPath = true;
    private long _seen;

    /// <summary>The number; null until it was found.</summary>
    public decimal? Value { get; private set; }

    public void Feed(ReadOnlySpan<byte> data)
    {
        if (_isOver)
            return;
        if ((_seen += data.Length) > MaxBytes)
        {
            _isOver = true;
            _rest.Clear();
            return;
        }
        _rest.Write(data);
        Read(isLast: false);
    }

    /// <summary>The text has ended: a number may stand at its very end.</summary>
    public void End()
    {
        if (!_isOver)
            Read(isLast: true);
    }

    private void Read(bool isLast)
    {
        try
        {
            var json = new Utf8JsonReader(_rest.WrittenSpan, isLast, _state);
            while (!_isOver && json.Read())
                Take(ref json);
            _state = json.CurrentState;
            var left = _rest.WrittenSpan[(int)json.BytesConsumed..].ToArray();
            _rest.ResetWrittenCount();
            _rest.Write(left);
        }
        catch (Exception problem) when (problem is JsonException or InvalidOperationException)
        {
            _isOver = true;
        }
    }

    private void Take(ref Utf8JsonReader json)
    {
        switch (json.TokenType)
        {
            case JsonTokenType.PropertyName:
                _isOnPath = _beside == 0 && path.Steps[_level - 1].Name is { } name && json.ValueTextEquals(name);
                break;
            case JsonTokenType.EndObject or JsonTokenType.EndArray:
                if (_beside > 0)
                    _beside--;
                else
                    _isOver = --_level == 0;
                break;
            default:
                TakeValue(ref json);
                break;
        }
    }

    private void TakeValue(ref Utf8JsonReader json)
    {
        var isContainer = json.TokenType is JsonTokenType.StartObject or JsonTokenType.StartArray;
        if (_beside > 0)
        {
            _beside += isContainer ? 1 : 0;
            return;
        }
        if (_level > 0 && path.Steps[_level - 1].Name is null)
            _isOnPath = _index[_level - 1]++ == path.Steps[_level - 1].Index;
        var isGoal = _isOnPath && _level == path.Steps.Count;
        if (isGoal)
        {
            Value = json.TokenType == JsonTokenType.Number && json.TryGetDecimal(out var number) ? number : null;
            _isOver = true;
        }
        else if (isContainer && _isOnPath && path.Steps[_level].Name is not null == (json.TokenType == JsonTokenType.StartObject))
            _index[_level++] = 0;
        else if (isContainer)
            _beside++;
    }
}
