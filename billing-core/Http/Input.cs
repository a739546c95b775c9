using System.Text.Json;

namespace Quota.Billing.Http;

/// <summary>
/// Reads the fields of one JSON object that somebody sent, and notes every mistake in <see cref="Validation"/> instead of stopping at
/// the first. A reader gives null (or an empty value, where it is required) for a field with a mistake; look at the validation
/// before using what was read. <c>null</c> counts as absent.
/// </summary>
internal sealed class Input(JsonElement value, Validation validation, string path = "")
{
    private const int MaxText = 255;

    public Validation Validation => validation;

    public JsonElement Raw => value;

    /// <summary>Whether a mistake of this object was noted, or of one inside it.</summary>
    public bool HasMistakes => validation.Details.Keys.Any(name => name.StartsWith(path, StringComparison.Ordinal));

    /// <summary>Whether the field was sent, with null too: for updates that leave alone what is absent.</summary>
    public bool Mentions(string field) => value.TryGetProperty(field, out _);

    /// <summary>Notes a mistake of a field of this object.</summary>
    public void Refuse(string field, string problem) => validation.Add(path + field, problem);

    /// <summary>Notes mistakes of fields of this object, as the shared types report them.</summary>
    public void Refuse(IEnumerable<(string Field, string Problem)> mistakes)
    {
        foreach (var (field, problem) in mistakes)
            Refuse(field, problem);
    }

    /// <summary>Fields that are part of the contract but not built yet: refused, because ignoring them would bill or limit wrongly.</summary>
    public void RefuseUnbuilt(params ReadOnlySpan<string> fields)
    {
        foreach (var field in fields)
        {
            if (Find(field) is { } found && !(found.ValueKind == JsonValueKind.Array && found.GetArrayLength() == 0))
                Refuse(field, "is not supported yet; leave it out");
        }
    }

    /// <summary>For objects where a misspelt field would change what is limited: only these fields may be in it.</summary>
    public void RefuseOthersThan(params IReadOnlyCollection<string> fields)
    {
        foreach (var property in value.EnumerateObject().Where(property => !fields.Contains(property.Name)))
            Refuse(property.Name, $"is not known; use {string.Join(", ", fields)}");
    }

    public string? Text(string field, int maxLength = MaxText)
    {
        if (Find(field) is not { } found)
            return null;
        if (!JsonText.TryRead(found, out var text))
            return Mistaken<string>(field, Mistake.Invalid);
        return text.Length <= maxLength ? text : Mistaken<string>(field, Mistake.TooLong);
    }

    /// <summary>A text with at least one visible character.</summary>
    public string RequiredText(string field, int maxLength = MaxText)
    {
        if (Find(field) is null)
            Refuse(field, Mistake.Mandatory);
        var text = Text(field, maxLength);
        if (text is not null && string.IsNullOrWhiteSpace(text))
            Refuse(field, Mistake.Mandatory);
        return text ?? "";
    }

    public string? OneOf(string field, params IReadOnlyCollection<string> allowed)
    {
        var text = Text(field);
        return text is null || allowed.Contains(text) ? text : Mistaken<string>(field, $"'{text}' is not one of {string.Join(", ", allowed)}");
    }

    /// <summary>A whole number, or text of one.</summary>
    public long? Whole(string field, long min, long max)
    {
        if (Find(field) is not { } found)
            return null;
        if (!TryDecimal(found, out var number) || number != decimal.Truncate(number))
            return MistakenValue<long>(field, Mistake.Invalid);
        return number >= min && number <= max ? (long)number : MistakenValue<long>(field, Mistake.OutOfRange);
    }

    /// <summary>A decimal, as text or as a number; exact or a mistake.</summary>
    public decimal? Decimal(string field)
    {
        if (Find(field) is not { } found)
            return null;
        return TryDecimal(found, out var number) ? number : MistakenValue<decimal>(field, Mistake.Invalid);
    }

    public decimal RequiredDecimal(string field)
    {
        if (Find(field) is null)
            Refuse(field, Mistake.Mandatory);
        return Decimal(field) ?? 0;
    }

    public bool? Flag(string field)
    {
        if (Find(field) is not { } found)
            return null;
        return found.ValueKind is JsonValueKind.True or JsonValueKind.False ? found.GetBoolean() : MistakenValue<bool>(field, Mistake.Invalid);
    }

    /// <summary>A time as <see cref="TimeText"/> reads it.</summary>
    public DateTimeOffset? Time(string field)
    {
        if (Find(field) is not { } found)
            return null;
        return JsonText.TryRead(found, out var text) && TimeText.TryParse(text, out var time)
            ? time : MistakenValue<DateTimeOffset>(field, Mistake.InvalidFormat);
    }

    public DateTimeOffset RequiredTime(string field)
    {
        if (Find(field) is null)
            Refuse(field, Mistake.Mandatory);
        return Time(field) ?? default;
    }

    /// <summary>The object under a field; its mistakes go to the same validation under <c>field.</c></summary>
    public Input? Object(string field)
    {
        if (Find(field) is not { } found)
            return null;
        return found.ValueKind == JsonValueKind.Object
            ? new Input(found, validation, $"{path}{field}.") : Mistaken<Input>(field, Mistake.Invalid);
    }

    /// <summary>As <see cref="Object"/>; an empty object after the mistake was noted.</summary>
    public Input RequiredObject(string field)
    {
        if (Find(field) is null)
            Refuse(field, Mistake.Mandatory);
        return Object(field) ?? new Input(JsonElement.Parse("{}"), new Validation());
    }

    /// <summary>A list of texts; empty when absent.</summary>
    public IReadOnlyList<string> Texts(string field, int maxCount, int maxLength = MaxText)
    {
        var texts = new List<string>();
        foreach (var item in Items(field, maxCount))
        {
            if (!JsonText.TryRead(item, out var text) || text.Length == 0 || text.Length > maxLength)
                Refuse(field, Mistake.Invalid);
            else
                texts.Add(text);
        }
        return texts;
    }

    /// <summary>A list of decimals, each as text or as a number; empty when absent.</summary>
    public IReadOnlyList<decimal> Decimals(string field, int maxCount)
    {
        var numbers = new List<decimal>();
        foreach (var item in Items(field, maxCount))
        {
            if (TryDecimal(item, out var number))
                numbers.Add(number);
            else
                Refuse(field, Mistake.Invalid);
        }
        return numbers;
    }

    /// <summary>An object of texts, such as tags; empty when absent.</summary>
    public IReadOnlyDictionary<string, string> TextMap(string field, int maxCount, int maxName, int maxLength)
    {
        var map = new SortedDictionary<string, string>(StringComparer.Ordinal);
        if (Json(field) is not { } found)
            return map;
        foreach (var entry in found.EnumerateObject())
        {
            if (entry.Name.Length is 0 || entry.Name.Length > maxName)
                Refuse(field, $"'{entry.Name}' must have 1 to {maxName} characters");
            else if (!JsonText.TryRead(entry.Value, out var text) || text.Length > maxLength)
                Refuse(field, $"'{entry.Name}' must be text of at most {maxLength} characters");
            else
                map[entry.Name] = text;
        }
        if (map.Count > maxCount)
            Refuse(field, $"has {map.Count} entries; at most {maxCount} are allowed");
        return map;
    }

    /// <summary>A list of objects; empty when absent. Mistakes are named <c>field.0.…</c></summary>
    public IReadOnlyList<Input> Objects(string field, int maxCount)
    {
        var objects = new List<Input>();
        foreach (var (index, item) in Items(field, maxCount).Index())
        {
            if (item.ValueKind == JsonValueKind.Object)
                objects.Add(new Input(item, validation, $"{path}{field}.{index}."));
            else
                Refuse($"{field}.{index}", Mistake.Invalid);
        }
        return objects;
    }

    /// <summary>Any JSON object that PostgreSQL can hold; null when absent.</summary>
    public JsonElement? Json(string field)
    {
        if (Find(field) is not { } found)
            return null;
        return found.ValueKind == JsonValueKind.Object && JsonText.IsStorable(found) ? found : MistakenValue<JsonElement>(field, Mistake.Invalid);
    }

    private static bool TryDecimal(JsonElement found, out decimal number)
    {
        number = 0;
        return found.ValueKind switch
        {
            JsonValueKind.Number => DecimalText.TryParse(found.GetRawText(), out number),
            JsonValueKind.String => JsonText.TryRead(found, out var text) && DecimalText.TryParse(text, out number),
            _ => false,
        };
    }

    /// <summary>The list's items, or none after a mistake was noted.</summary>
    private JsonElement.ArrayEnumerator Items(string field, int maxCount)
    {
        if (Find(field) is not { } found)
            return default;
        if (found.ValueKind != JsonValueKind.Array)
            Refuse(field, Mistake.Invalid);
        else if (found.GetArrayLength() > maxCount)
            Refuse(field, $"has {found.GetArrayLength()} items; at most {maxCount} are allowed");
        else
            return found.EnumerateArray();
        return default;
    }

    private JsonElement? Find(string field) =>
        value.TryGetProperty(field, out var found) && found.ValueKind != JsonValueKind.Null ? found : null;

    private T? Mistaken<T>(string field, string problem)
        where T : class
    {
        Refuse(field, problem);
        return null;
    }

    private T? MistakenValue<T>(string field, string problem)
        where T : struct
    {
        Refuse(field, problem);
        return null;
    }
}
