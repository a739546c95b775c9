using System.Diagnostics.CodeAnalysis;
using System.Text.Json;

namespace Quota.Billing.Http;

/// <summary>What of valid JSON PostgreSQL can hold: no NUL, no half of a surrogate pair, no number beyond reason.</summary>
internal static class JsonText
{
    private const int MaxNumber = 64;

    /// <summary>A string without control characters other than tab and line ends.</summary>
    public static bool TryRead(JsonElement element, [NotNullWhen(true)] out string? text)
    {
        text = null;
        if (element.ValueKind != JsonValueKind.String)
            return false;
        try
        {
            text = element.GetString()!;
        }
        catch (InvalidOperationException)
        {
            return false;       // "\ud800": JSON allows it, UTF-16 and PostgreSQL do not
        }
        return IsClean(text);
    }

    /// <summary>Whether the text can be stored and shown: no control characters but tab and line ends, no half surrogate pairs.</summary>
    public static bool IsClean(ReadOnlySpan<char> text)
    {
        for (var i = 0; i < text.Length; i++)
        {
            var letter = text[i];
            if (char.IsControl(letter) && letter is not ('\t' or '\n' or '\r'))
                return false;
            if (!char.IsSurrogate(letter))
                continue;
            if (i + 1 == text.Length || !char.IsSurrogatePair(letter, text[i + 1]))
                return false;
            i++;
        }
        return true;
    }

    /// <summary>Whether every name, text and number inside can be stored as jsonb and read back.</summary>
    public static bool IsStorable(JsonElement element) => element.ValueKind switch
    {
        JsonValueKind.String => TryRead(element, out _),
        JsonValueKind.Number => element.GetRawText() is { Length: <= MaxNumber } number && DecimalText.TryParse(number, out _),
        JsonValueKind.Array => element.EnumerateArray().All(IsStorable),
        JsonValueKind.Object => element.EnumerateObject().All(IsStorable),
        _ => true,
    };

    private static bool IsStorable(JsonProperty property)
    {
        try
        {
            return IsClean(property.Name) && IsStorable(property.Value);
        }
        catch (InvalidOperationException)
        {
            return false;
        }
    }
}
