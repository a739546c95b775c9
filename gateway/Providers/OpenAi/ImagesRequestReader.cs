using System.Text.Json;

namespace Quota.Gateway.Providers.OpenAi;

/// <summary>
/// Reads a request to make images (platform.openai.com/docs/api-reference/images/create). The reference has a default model, which depends on
/// other fields and has changed: the call must name one.
/// </summary>
internal static class ImagesRequestReader
{
    /// <param name="named">As for chats.</param>
    public static RequestReading Read(ReadOnlyMemory<byte> body, string? named = null) => RequestJson.Read(body, body => ReadFields(body, named));

    private static RequestReading ReadFields(ReadOnlyMemory<byte> body, string? named)
    {
        string? model = null, size = null, quality = null;
        var (modelAt, stream, count, partials) = (default(BodyRange), false, 1L, 0L);
        var seen = new HashSet<string>(StringComparer.Ordinal);
        var json = new Utf8JsonReader(body.Span, new JsonReaderOptions { MaxDepth = 16 });
        if (!json.Read() || json.TokenType != JsonTokenType.StartObject)
            return new Refusal.BadRequest(null, "The body must be a JSON object.");
        while (json.Read() && json.TokenType == JsonTokenType.PropertyName)
        {
            var field = json.GetString()!;
            json.Read();
            var isRead = field switch
            {
                "model" => (model = RequestJson.Model(json)) is not null,
                "n" => TryCount(json, ref count),
                "partial_images" => TryCount(json, ref partials),
                "size" => TryText(json, ref size),
                "quality" => TryText(json, ref quality),
                "stream" => json.TokenType is JsonTokenType.True or JsonTokenType.False or JsonTokenType.Null,
                _ => false,
            };
            if (field is "model" or "n" or "partial_images" or "size" or "quality" or "stream")
            {
                if (!isRead || !seen.Add(field))
                    return new Refusal.BadRequest(field, isRead ? $"{field} stands twice in the body; which one counts is ambiguous." : $"{field} has a value that it cannot have.");
                modelAt = field == "model" ? BodyRange.Of(json) : modelAt;
                stream |= field == "stream" && json.TokenType == JsonTokenType.True;
            }
            json.Skip();
        }
        json.Read();   // nothing may follow the object
        if ((named ?? model) is not { } it)
            return new Refusal.BadRequest("model", "You must name a model: the provider's default is not the same at all times.");
        var ask = new ImageAsk(count, size, quality, stream, partials);
        if (ask.Mistake() is { } mistake)
            return mistake;
        return new ProviderRequest
        {
            Model = it, ModelAt = named is null ? modelAt : null, Stream = stream, InputBytes = body.Length, HasMedia = false, Images = count,
            OutputBound = ask.TokensPerImage(it), Choices = count, Body = new SplicedBody(body), BoundPlace = null,
        };
    }

    private static bool TryCount(in Utf8JsonReader json, ref long count) =>
        json.TokenType == JsonTokenType.Null || (json.TokenType == JsonTokenType.Number && json.TryGetInt64(out count));

    private static bool TryText(in Utf8JsonReader json, ref string? text)
    {
        if (json.TokenType == JsonTokenType.String)
            text = json.GetString();
        return json.TokenType is JsonTokenType.String or JsonTokenType.Null;
    }
}
