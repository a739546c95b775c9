using System.Text.Json;

namespace Quota.Gateway.Providers.OpenAi;

/// <summary>
/// Reads a request for speech (platform.openai.com/docs/api-reference/audio/createSpeech): <c>input</c> is spoken, a character is a Unicode
/// code point, spaces included (learn.microsoft.com/azure/ai-services/speech-service/text-to-speech, Billable characters; OpenAI names none).
/// </summary>
internal static class SpeechRequestReader
{
    /// <summary>
    /// Audio tokens of a character at most. A minute has 1,250 ($0.015 of $12 a million, platform.openai.com/docs/pricing) and some 900
    /// characters: 1.4 each, and four times that at the slowest <c>speed</c>.
    /// </summary>
    public const long MostTokensPerCharacter = 8;

    /// <param name="named">As for chats.</param>
    public static RequestReading Read(ReadOnlyMemory<byte> body, string? named = null) => RequestJson.Read(body, body => ReadFields(body, named));

    /// <summary>Whether a model is billed by the character; others are by tokens.</summary>
    public static bool IsBilledByCharacter(string model) => model.StartsWith("tts-1", StringComparison.OrdinalIgnoreCase);

    private static RequestReading ReadFields(ReadOnlyMemory<byte> body, string? named)
    {
        string? model = null, input = null;
        var (modelAt, stream) = (default(BodyRange), false);
        var seen = new HashSet<string>(StringComparer.Ordinal);
        var json = new Utf8JsonReader(body.Span, new JsonReaderOptions { MaxDepth = 16 });
        if (!json.Read() || json.TokenType != JsonTokenType.StartObject)
            return new Refusal.BadRequest(null, "The body must be a JSON object.");
        while (json.Read() && json.TokenType == JsonTokenType.PropertyName)
        {
            var field = json.GetString()!;
            json.Read();
            if (field is "model" or "input" or "stream_format")
            {
                if (!seen.Add(field))
                    return new Refusal.BadRequest(field, $"{field} stands twice in the body; which one counts is ambiguous.");
                if (json.TokenType != JsonTokenType.String && !(field == "stream_format" && json.TokenType == JsonTokenType.Null))
                    return new Refusal.BadRequest(field, $"{field} must be a string.");
            }
            if (field == "model")
                (model, modelAt) = (RequestJson.Model(json), BodyRange.Of(json));
            else if (field == "input")
                input = json.GetString();
            else if (field == "stream_format")
                stream = json.TokenType == JsonTokenType.String && json.ValueTextEquals("sse"u8);
            json.Skip();
        }
        json.Read();   // nothing may follow the object
        if ((named ?? model) is not { } it)
            return new Refusal.BadRequest("model", "You must name a model, with at most 256 characters and no control characters.");
        if (input is not { Length: > 0 })
            return new Refusal.BadRequest("input", "You must give an input.");
        var characters = input.EnumerateRunes().LongCount();
        return new ProviderRequest
        {
            Model = it, ModelAt = named is null ? modelAt : null, Stream = stream, InputBytes = body.Length, HasMedia = false, HasAudio = true, Images = 0, Characters = characters,
            OutputBound = IsBilledByCharacter(it) ? 0 : characters * MostTokensPerCharacter, Choices = 1, Body = new SplicedBody(body), BoundPlace = null,
        };
    }
}
