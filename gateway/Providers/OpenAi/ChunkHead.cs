using System.Text.Json;

namespace Quota.Gateway.Providers.OpenAi;

/// <summary>What all chunks of a stream share, taken from one that came before for the ending that is written instead of the rest. What cannot be read is left out.</summary>
internal readonly struct ChunkHead
{
    private readonly JsonElement _chunk;

    public ChunkHead(ReadOnlySpan<byte> chunk)
    {
        try
        {
            var json = new Utf8JsonReader(chunk);
            _chunk = JsonElement.TryParseValue(ref json, out var parsed) && parsed is { ValueKind: JsonValueKind.Object } it ? it : default;
        }
        catch (JsonException)
        {
            _chunk = default;
        }
    }

    /// <summary>Writes a field as it came: a text, a number or null. False when there is none.</summary>
    public bool Copy(Utf8JsonWriter json, string field)
    {
        try
        {
            if (_chunk.ValueKind != JsonValueKind.Object || !_chunk.TryGetProperty(field, out var value))
                return false;
            if (value.ValueKind == JsonValueKind.String)
                json.WriteString(field, value.GetString());
            else if (value.ValueKind == JsonValueKind.Null || (value.ValueKind == JsonValueKind.Number && value.TryGetInt64(out _)))
            {
                json.WritePropertyName(field);
                value.WriteTo(json);
            }
            else
                return false;
            return true;
        }
        catch (InvalidOperationException)   // text that is not valid
        {
            return false;
        }
    }
}
