using System.Text.Json;

namespace Quota.Gateway.Providers.Gemini;

/// <summary>
/// What stands in contents beside text (ai.google.dev/api/caching#Part): <c>inlineData</c> and <c>fileData</c>, at any depth, since results of functions
/// may hold some. Erring on the side of media: a property of that name in somebody's own JSON counts too.
/// </summary>
internal struct ContentScan
{
    /// <summary>Whether there is something whose tokens bytes do not bound.</summary>
    public bool HasMedia { get; private set; }

    /// <summary>Whether it may be sound: a video has a track of it, and a file without a type may be anything.</summary>
    public bool HasAudio { get; private set; }

    /// <summary>Whether some of it may be counted as images: pages of a document and frames are.</summary>
    public bool HasImages { get; private set; }

    public long Images { get; private set; }

    /// <summary>Passes over the value after the property that the reader stands on.</summary>
    public void Scan(ref Utf8JsonReader json)
    {
        json.Read();
        var depth = json.CurrentDepth;
        if (json.TokenType is not (JsonTokenType.StartObject or JsonTokenType.StartArray))
            return;
        while (json.Read() && json.CurrentDepth > depth)
        {
            if (json.TokenType == JsonTokenType.PropertyName && IsMedia(json))
                ReadMedia(ref json);
        }
    }

    private static bool IsMedia(in Utf8JsonReader json) =>
        json.ValueTextEquals("inlineData"u8) || json.ValueTextEquals("inline_data"u8) || json.ValueTextEquals("fileData"u8) || json.ValueTextEquals("file_data"u8);

    /// <summary>Two types in one: either could count, so it is taken for anything.</summary>
    private void ReadMedia(ref Utf8JsonReader json)
    {
        json.Read();
        if (json.TokenType == JsonTokenType.Null)
            return;
        HasMedia = true;
        var (depth, type, types) = (json.CurrentDepth, "", 0);
        if (json.TokenType is JsonTokenType.StartObject or JsonTokenType.StartArray)
        {
            while (json.Read() && json.CurrentDepth > depth)
            {
                if (json.TokenType != JsonTokenType.PropertyName || !(json.ValueTextEquals("mimeType"u8) || json.ValueTextEquals("mime_type"u8)))
                    continue;
                json.Read();
                type = ++types == 1 && json.TokenType == JsonTokenType.String ? json.GetString()! : "";
                json.Skip();
            }
        }
        bool Is(string kind) => type.StartsWith(kind, StringComparison.OrdinalIgnoreCase);
        Images += Is("image/") ? 1 : 0;
        HasImages |= !Is("audio/") && !Is("text/");
        HasAudio |= !Is("image/") && !Is("text/") && !Is("application/");
    }
}
