using System.Text.Json;

namespace Quota.Gateway.Providers.Gemini;

/// <summary><c>generationConfig</c> (ai.google.dev/api/generate-content#generationconfig), as far as it bounds what a call can use.</summary>
internal struct GenerationConfigReading
{
    private const string BoundField = "maxOutputTokens";
    private int _bounds, _choiceCounts, _modalities;

    /// <summary><c>maxOutputTokens</c>; null when it is not named.</summary>
    public long? Bound { get; private set; }

    /// <summary><c>candidateCount</c>; null when it is not named.</summary>
    public long? Choices { get; private set; }

    /// <summary>Whether it asks for sound, or for pictures. Models that make pictures make them unasked.</summary>
    public bool HasAudio { get; private set; }

    public bool HasImages { get; private set; }

    /// <summary>Where a bound goes in that was not named; null while there is no such object.</summary>
    public BoundPlace? BoundPlace { get; private set; }

    /// <summary>Reads the object that the reader stands on; answers what is wrong with it.</summary>
    public Refusal.BadRequest? Read(ref Utf8JsonReader json)
    {
        if (json.TokenType != JsonTokenType.StartObject)
            return Wrong("generationConfig", "It must be an object.");
        var (begin, isEmpty, nullBound) = ((int)json.BytesConsumed, true, default((int At, int Length)?));
        while (json.Read() && json.TokenType == JsonTokenType.PropertyName)
        {
            isEmpty = false;
            if (ReadField(ref json, ref nullBound) is { } refusal)
                return refusal;
        }
        BoundPlace = nullBound is var (at, length) ? new BoundPlace(at, length, $"\"{BoundField}\":") : new BoundPlace(begin, 0, $"\"{BoundField}\":", isEmpty ? "" : ",");
        return null;
    }

    private Refusal.BadRequest? ReadField(ref Utf8JsonReader json, ref (int At, int Length)? nullBound)
    {
        var start = (int)json.TokenStartIndex;
        if (json.ValueTextEquals("maxOutputTokens"u8) || json.ValueTextEquals("max_output_tokens"u8))
        {
            var refusal = Count(ref json, BoundField, int.MaxValue, ref _bounds, out var bound);
            Bound = bound;
            if (bound is null)
                nullBound = (start, (int)json.BytesConsumed - start);
            return refusal;
        }
        if (json.ValueTextEquals("candidateCount"u8) || json.ValueTextEquals("candidate_count"u8))
        {
            var refusal = Count(ref json, "candidateCount", 64, ref _choiceCounts, out var choices);
            Choices = choices;
            return refusal;
        }
        if (json.ValueTextEquals("responseModalities"u8) || json.ValueTextEquals("response_modalities"u8))
            return ReadModalities(ref json);
        var isSpeech = json.ValueTextEquals("speechConfig"u8) || json.ValueTextEquals("speech_config"u8);
        json.Read();
        HasAudio |= isSpeech && json.TokenType != JsonTokenType.Null;
        json.Skip();
        return null;
    }

    private Refusal.BadRequest? ReadModalities(ref Utf8JsonReader json)
    {
        const string field = "responseModalities";
        json.Read();
        if (_modalities++ > 0)
            return Twice(field);
        if (json.TokenType == JsonTokenType.Null)
            return null;
        if (json.TokenType != JsonTokenType.StartArray)
            return Wrong(field, "It must be an array of TEXT, IMAGE and AUDIO.");
        while (json.Read() && json.TokenType != JsonTokenType.EndArray)
        {
            var modality = json.TokenType == JsonTokenType.String ? json.GetString()!.ToUpperInvariant() : "";
            HasAudio |= modality == "AUDIO";
            HasImages |= modality == "IMAGE";
            if (modality is not ("TEXT" or "IMAGE" or "AUDIO" or "MODALITY_UNSPECIFIED"))
                return Wrong(field, "Only TEXT, IMAGE and AUDIO are metered.");
        }
        return null;
    }

    private static Refusal.BadRequest? Count(ref Utf8JsonReader json, string field, int most, ref int seen, out long? count)
    {
        count = null;
        json.Read();
        if (seen++ > 0)
            return Twice(field);
        if (json.TokenType == JsonTokenType.Null)
            return null;
        if (json.TokenType != JsonTokenType.Number || !json.TryGetInt64(out var number) || number < 1 || number > most)
            return Wrong(field, $"It must be a whole number from 1 to {most}.");
        count = number;
        return null;
    }

    private static Refusal.BadRequest Twice(string field) => Wrong(field, "It stands twice in the body; which one counts is ambiguous.");

    private static Refusal.BadRequest Wrong(string field, string message) => new(field == "generationConfig" ? field : "generationConfig." + field, message);
}
