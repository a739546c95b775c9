using System.Runtime.InteropServices;
using System.Text.Json;

namespace Quota.Shared.Pricing.Import;

/// <summary>One JSON object of a document, its fields by name; a field that is null counts as absent. Every mistake goes to the notes with its place.</summary>
internal sealed class ModelFields
{
    private const decimal MostTokens = 1_000_000_000;

    private readonly Dictionary<string, JsonElement> _fields = new(StringComparer.Ordinal);
    private readonly ImportNotes _notes;
    private readonly string _place;

    private ModelFields(JsonElement value, string place, ImportNotes notes)
    {
        (_place, _notes) = (place, notes);
        foreach (var field in value.EnumerateObject())
        {
            if (!_fields.TryAdd(field.Name, field.Value))
                Mistake(field.Name, "stands twice");
        }
    }

    /// <summary>Whether a mistake was noted of this object.</summary>
    public bool HasMistakes { get; private set; }

    public IEnumerable<string> Names => _fields.Where(entry => entry.Value.ValueKind != JsonValueKind.Null).Select(entry => entry.Key);

    /// <summary>The object under a place; null after the mistake was noted when it is something else.</summary>
    public static ModelFields? Of(JsonElement value, string place, ImportNotes notes)
    {
        if (value.ValueKind == JsonValueKind.Object)
            return new ModelFields(value, place, notes);
        notes.Mistake($"{place}: must be an object");
        return null;
    }

    /// <summary>Takes the value the reader stands on, when it is not larger than a model may be; it is read past in any case.</summary>
    public static JsonElement? Take(ref Utf8JsonReader reader, string place, ImportNotes notes)
    {
        var ahead = reader;
        ahead.Skip();
        if (ahead.BytesConsumed - reader.TokenStartIndex <= PriceDocument.MostModelBytes)
            return JsonElement.ParseValue(ref reader);
        notes.Mistake($"{place}: is larger than {PriceDocument.MostModelBytes} bytes");
        reader = ahead;
        return null;
    }

    public void Mistake(string field, string rule)
    {
        HasMistakes = true;
        _notes.Mistake($"{_place}.{field}: {rule}");
    }

    public JsonElement? Find(string field) => _fields.TryGetValue(field, out var found) && found.ValueKind != JsonValueKind.Null ? found : null;

    public string? Text(string field)
    {
        if (Find(field) is not { } found)
            return null;
        if (found.ValueKind == JsonValueKind.String)
            return found.GetString();
        Mistake(field, "must be a text");
        return null;
    }

    /// <summary>A price, 0 or more, exactly as it is written; null when absent or after the mistake was noted.</summary>
    /// <param name="shift">Powers of ten from the document's unit to ours.</param>
    public decimal? Price(string field, int shift) => Find(field) is { } found ? Price(found, field, shift) : null;

    public decimal? Price(JsonElement found, string field, int shift)
    {
        if (found.ValueKind != JsonValueKind.Number)
            Mistake(field, "must be a number");
        else if (!ExactNumber.TryRead(JsonMarshal.GetRawUtf8Value(found), shift, out var price))
            Mistake(field, $"{Shortened(found)} has more digits than can be kept exactly");
        else if (price < 0)
            Mistake(field, $"{Shortened(found)} is below 0");
        else
            return price;
        return null;
    }

    /// <summary>A number of tokens; null when absent and for 0, which says that there are none.</summary>
    public long? Tokens(string field) => Find(field) is { } found ? Tokens(found, field) : null;

    public long? Tokens(JsonElement found, string field)
    {
        if (found.ValueKind != JsonValueKind.Number || !ExactNumber.TryRead(JsonMarshal.GetRawUtf8Value(found), 0, out var tokens)
            || tokens != decimal.Truncate(tokens) || tokens is < 0 or > MostTokens)
            Mistake(field, $"must be a whole number from 0 to {MostTokens}");
        else if (tokens > 0)
            return (long)tokens;
        return null;
    }

    private static string Shortened(JsonElement number) => number.GetRawText() is { Length: > 40 } text ? text[..40] + "…" : number.GetRawText();
}
