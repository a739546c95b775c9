using System.Text.Json;

namespace Quota.Gateway.Providers.OpenAi;

/// <summary>
/// <c>service_tier</c> of a request: <c>flex</c>, <c>priority</c> and others have prices of their own; <c>auto</c> and <c>default</c> are the
/// ordinary one. The answer says which it became (platform.openai.com/docs/guides/flex-processing, …/priority-processing).
/// </summary>
internal static class AskedTier
{
    public const string Field = "service_tier";

    /// <summary>Reads the value that the reader stands on. False when it is none; null is the ordinary tier.</summary>
    public static bool TryRead(in Utf8JsonReader json, out string? tier)
    {
        tier = null;
        if (json.TokenType == JsonTokenType.Null)
            return true;
        if (json.TokenType != JsonTokenType.String || json.GetString() is not { Length: > 0 and <= 64 } word || RequestJson.HasControl(word))
            return false;
        tier = word is "auto" or "default" ? null : word;
        return true;
    }
}
