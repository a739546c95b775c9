using System.Text.Json;

namespace Quota.Gateway.Providers;

/// <summary>Reads a provider's usage object. Numbers that are negative, or more than any call can use, are none.</summary>
internal static class UsageObject
{
    /// <summary>What <paramref name="of"/> makes of it; null when it is no JSON.</summary>
    public static T? Parse<T>(ReadOnlySpan<byte> json, Func<JsonElement, T?> of)
    {
        try
        {
            var reader = new Utf8JsonReader(json);
            using var usage = JsonDocument.ParseValue(ref reader);   // in rented memory
            return usage.RootElement.ValueKind == JsonValueKind.Object ? of(usage.RootElement) : default;
        }
        catch (Exception problem) when (problem is JsonException or InvalidOperationException)
        {
            return default;
        }
    }

    public static long? Number(JsonElement parent, string field) =>
        parent.TryGetProperty(field, out var value) && value.ValueKind == JsonValueKind.Number && value.TryGetInt64(out var number) && IsCount(number) ? number : null;

    /// <summary>The number that a property, at which the reader stands, has for its value, whatever that is; the reader then stands at its end.</summary>
    public static long? Number(ref Utf8JsonReader json)
    {
        json.Read();
        long? count = json.TokenType == JsonTokenType.Number && json.TryGetInt64(out var number) && IsCount(number) ? number : null;
        json.Skip();
        return count;
    }

    /// <summary>Whether the value of the property, at which the reader stands, is an object. The reader is then in it, else at its end.</summary>
    public static bool Enters(ref Utf8JsonReader json)
    {
        json.Read();
        if (json.TokenType == JsonTokenType.StartObject)
            return true;
        json.Skip();
        return false;
    }

    /// <summary>A number in an object inside; 0 when either is not there.</summary>
    public static long Detail(JsonElement usage, string group, string field) =>
        usage.TryGetProperty(group, out var details) && details.ValueKind == JsonValueKind.Object ? Number(details, field) ?? 0 : 0;

    private static bool IsCount(long number) => number is >= 0 and < int.MaxValue;
}
