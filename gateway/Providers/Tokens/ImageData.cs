using System.Text.Json;

namespace Quota.Gateway.Providers.Tokens;

/// <summary>Bytes of a body that are an image itself: no model reads them as text. Only in the very places where a provider takes images; elsewhere the same words are text.</summary>
internal static class ImageData
{
    /// <summary>Of OpenAI's <c>image_url</c>, on whose name the reader stands: a <c>data:</c> URL, or an object with one as its <c>url</c>.</summary>
    public static long InUrl(Utf8JsonReader json)
    {
        json.Read();
        if (json.TokenType == JsonTokenType.String)
            return BytesOf(json);
        if (json.TokenType != JsonTokenType.StartObject)
            return 0;
        var bytes = 0L;
        while (json.Read() && json.TokenType == JsonTokenType.PropertyName)
        {
            var isUrl = json.ValueTextEquals("url"u8);
            json.Read();
            bytes += isUrl && json.TokenType == JsonTokenType.String ? BytesOf(json) : 0;
            json.Skip();
        }
        return bytes;
    }

    /// <summary>Of Anthropic's <c>source</c>, on whose name the reader stands: the <c>data</c> of one whose <c>type</c> is <c>base64</c>.</summary>
    public static long InSource(Utf8JsonReader json)
    {
        json.Read();
        if (json.TokenType != JsonTokenType.StartObject)
            return 0;
        var (bytes, isBase64) = (0L, false);
        while (json.Read() && json.TokenType == JsonTokenType.PropertyName)
        {
            var (isType, isData) = (json.ValueTextEquals("type"u8), json.ValueTextEquals("data"u8));
            json.Read();
            if (json.TokenType == JsonTokenType.String)
            {
                isBase64 |= isType && json.ValueTextEquals("base64"u8);
                bytes += isData ? json.ValueSpan.Length : 0;
            }
            json.Skip();
        }
        return isBase64 ? bytes : 0;
    }

    private static long BytesOf(in Utf8JsonReader json) => json.ValueSpan.StartsWith("data:image/"u8) ? json.ValueSpan.Length : 0;
}
