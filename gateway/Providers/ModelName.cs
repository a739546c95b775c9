using System.Text.Json;

namespace Quota.Gateway.Providers;

/// <summary>A model's name as JSON text.</summary>
internal static class ModelName
{
    /// <summary>The name, at most 256 characters; null for anything else.</summary>
    public static string? Parse(ReadOnlySpan<byte> json)
    {
        json = json.Trim(" \r\n\t"u8);
        if (json.Length is < 2 or > 1024 || json[0] != '"' || json[^1] != '"')
            return null;
        try
        {
            var reader = new Utf8JsonReader(json);
            return reader.Read() && reader.GetString() is { Length: > 0 and <= 256 } name ? name : null;
        }
        catch (Exception problem) when (problem is JsonException or InvalidOperationException)
        {
            return null;
        }
    }
}
