using System.Text.Json;

namespace Quota.Gateway.Providers.OpenAi;

/// <summary>
/// <c>stream_options</c> of chats and completions: whether the client asks for usage itself, and what asks for it where it does not
/// (platform.openai.com/docs/api-reference/chat-streaming).
/// </summary>
/// <param name="Ask">What puts <c>include_usage</c> into the options that are there.</param>
/// <param name="Mistake">The field that is wrong, and why.</param>
internal readonly record struct StreamOptions(bool IncludesUsage, BodyEdit? Ask, (string Field, string Message)? Mistake = null)
{
    private const string Name = "stream_options", UsageName = "stream_options.include_usage";
    private static readonly byte[] True = "true"u8.ToArray();
    private static readonly byte[] Options = "{\"include_usage\":true}"u8.ToArray();
    private static readonly byte[] OptionsField = ",\"stream_options\":{\"include_usage\":true}"u8.ToArray();
    private static readonly byte[] OnlyOption = "\"include_usage\":true"u8.ToArray();
    private static readonly byte[] FirstOption = "\"include_usage\":true,"u8.ToArray();

    /// <summary>What asks for usage; null when the client does.</summary>
    /// <param name="rootEnd">Where the body's object closes.</param>
    public BodyEdit? AskAt(int rootEnd) => IncludesUsage ? null : Ask ?? new BodyEdit(rootEnd, 0, OptionsField);

    /// <summary>Reads the value whose name the reader stands on.</summary>
    public static StreamOptions Read(ref Utf8JsonReader json)
    {
        json.Read();
        if (json.TokenType == JsonTokenType.Null)
            return new(false, new BodyEdit((int)json.TokenStartIndex, 4, Options));
        if (json.TokenType != JsonTokenType.StartObject)
            return new(false, null, (Name, $"{Name} must be an object."));
        var start = (int)json.BytesConsumed;
        var (isEmpty, includes) = (true, false);
        BodyEdit? ask = null;
        while (json.Read() && json.TokenType == JsonTokenType.PropertyName)
        {
            isEmpty = false;
            var isUsage = json.ValueTextEquals("include_usage"u8);
            json.Read();
            if (isUsage && ask is not null)
                return new(false, null, (UsageName, $"{UsageName} stands twice in the body; which one counts is ambiguous."));
            if (isUsage && json.TokenType is not (JsonTokenType.True or JsonTokenType.False or JsonTokenType.Null))
                return new(false, null, (UsageName, $"{UsageName} must be true or false."));
            if (isUsage)
            {
                includes = json.TokenType == JsonTokenType.True;
                ask = new BodyEdit((int)json.TokenStartIndex, (int)(json.BytesConsumed - json.TokenStartIndex), True);
            }
            json.Skip();
        }
        return new(includes, ask ?? new BodyEdit(start, 0, isEmpty ? OnlyOption : FirstOption));
    }
}
