using System.Text;
using System.Text.Json;

namespace Quota.Billing.Metering;

/// <summary>Finds the named properties of an event in one pass over its JSON. Names are compared by their bytes; the first of two wins.</summary>
internal sealed class PropertyPicker(IReadOnlyList<string> names)
{
    private readonly byte[][] _names = [.. names.Select(Encoding.UTF8.GetBytes)];

    public IReadOnlyList<string> Names => names;

    /// <summary>Fills in one value per name, in the names' order.</summary>
    /// <param name="properties">A JSON object, checked when it was stored; the values point into it.</param>
    /// <param name="into">As long as the names.</param>
    public void Pick(ReadOnlyMemory<byte> properties, Span<PropertyValue> into)
    {
        into.Clear();
        if (_names.Length == 0)
            return;
        var json = new Utf8JsonReader(properties.Span);
        json.Read();
        while (json.Read() && json.TokenType == JsonTokenType.PropertyName)
        {
            var slot = SlotOf(ref json);
            json.Read();
            if (slot >= 0 && into[slot].Kind == PropertyKind.Absent)
                into[slot] = ValueOf(ref json, properties);
            json.Skip();
        }
    }

    private int SlotOf(ref Utf8JsonReader json)
    {
        for (var slot = 0; slot < _names.Length; slot++)
        {
            if (json.ValueIsEscaped ? json.ValueTextEquals(_names[slot]) : json.ValueSpan.SequenceEqual(_names[slot]))
                return slot;
        }
        return -1;
    }

    private static PropertyValue ValueOf(ref Utf8JsonReader json, ReadOnlyMemory<byte> properties)
    {
        switch (json.TokenType)
        {
            case JsonTokenType.Number:
                return PropertyValue.OfNumber(Slice(ref json, properties, quotes: 0));
            case JsonTokenType.String:
                return PropertyValue.OfText(json.ValueIsEscaped ? Encoding.UTF8.GetBytes(json.GetString()!) : Slice(ref json, properties, quotes: 1));
            case JsonTokenType.Null:
                return default;
            case JsonTokenType.True or JsonTokenType.False:
                return new PropertyValue(PropertyKind.Other, 0, Slice(ref json, properties, quotes: 0));
            default:
                var start = (int)json.TokenStartIndex;
                json.Skip();
                return new PropertyValue(PropertyKind.Other, 0, properties[start..(int)json.BytesConsumed]);
        }
    }

    private static ReadOnlyMemory<byte> Slice(ref Utf8JsonReader json, ReadOnlyMemory<byte> properties, int quotes) =>
        properties.Slice((int)json.TokenStartIndex + quotes, json.ValueSpan.Length);
}
