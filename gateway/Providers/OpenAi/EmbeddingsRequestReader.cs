using System.Text.Json;

namespace Quota.Gateway.Providers.OpenAi;

/// <summary>
/// Reads a request for embeddings (platform.openai.com/docs/api-reference/embeddings). Its input is text, or tokens as numbers, one or
/// many: either way a token takes a byte of the body or more. There is no output.
/// </summary>
internal static class EmbeddingsRequestReader
{
    /// <param name="named">As for chats.</param>
    public static RequestReading Read(ReadOnlyMemory<byte> body, string? named = null) => RequestJson.Read(body, body => ReadFields(body, named));

    private static RequestReading ReadFields(ReadOnlyMemory<byte> body, string? named)
    {
        string? model = null;
        BodyRange at = default;
        var (models, inputs) = (0, 0);
        var json = new Utf8JsonReader(body.Span, new JsonReaderOptions { MaxDepth = 8 });
        if (!json.Read() || json.TokenType != JsonTokenType.StartObject)
            return new Refusal.BadRequest(null, "The body must be a JSON object.");
        while (json.Read() && json.TokenType == JsonTokenType.PropertyName)
        {
            var (isModel, isInput) = (json.ValueTextEquals("model"u8), json.ValueTextEquals("input"u8));
            json.Read();
            if (isModel)
            {
                models++;
                if (RequestJson.Model(json) is not { } name)
                    return new Refusal.BadRequest("model", "model must be a string of at most 256 characters without control characters.");
                (model, at) = (name, BodyRange.Of(json));
            }
            if (isInput)
            {
                inputs++;
                if (json.TokenType is not (JsonTokenType.String or JsonTokenType.StartArray))
                    return new Refusal.BadRequest("input", "input must be a string or an array.");
            }
            json.Skip();
        }
        json.Read();   // nothing may follow the object
        if ((named ?? model) is not { } asked)
            return new Refusal.BadRequest("model", "You must name a model.");
        if (models > 1 || inputs > 1)
            return new Refusal.BadRequest(models > 1 ? "model" : "input", $"{(models > 1 ? "model" : "input")} stands twice in the body; which one counts is ambiguous.");
        if (inputs == 0)
            return new Refusal.BadRequest("input", "You must give an input.");
        return new ProviderRequest
        {
            Model = asked, ModelAt = named is null ? at : null, Stream = false, InputBytes = body.Length, HasMedia = false, Images = 0, OutputBound = 0, Choices = 1,
            Body = new SplicedBody(body), BoundPlace = null,
        };
    }
}
