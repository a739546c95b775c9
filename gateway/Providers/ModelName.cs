using System.Text;
using System.Text.Json;

namespace Quota.Gateway.Providers;

/// <summary>A model's name as JSON text, or that of a service tier. The same few come again and again, and are made once.</summary>
internal static class ModelName
{
    private const int Kept = 64;

    private static readonly string?[] Known = new string?[Kept];   // by length and last letters; whoever came last has the place

    /// <summary>The name, at most 256 characters; null for anything else.</summary>
    public static string? Parse(ReadOnlySpan<byte> json)
    {
        json = json.Trim(" \r\n\t"u8);
        if (json.Length is < 2 or > 1024 || json[0] != '"' || json[^1] != '"')
            return null;
        ref var known = ref Known[(json.Length * 7 + json[^2] * 3 + json[json.Length / 2]) % Kept];
        if (known is { } last && Ascii.Equals(json[1..^1], last))
            return last;
        try
        {
            var reader = new Utf8JsonReader(json);
            if (!reader.Read() || reader.GetString() is not { Length: > 0 and <= 256 } name)
                return null;
            if (name.Length == json.Length - 2)   // else it has escapes, or letters of more than a byte
                known = name;
            return name;
        }
        catch (Exception problem) when (problem is JsonException or InvalidOperationException)
        {
            return null;
        }
    }
}
