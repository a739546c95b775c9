using System.Text.Json;

namespace Quota.Gateway.Providers.Gemini;

/// <summary>The model that a body names beside the path: <c>models/NAME</c>, or the name alone.</summary>
internal static class GeminiModel
{
    /// <summary>Refuses another than the path's, which is the one that is priced; the reader stands on the property.</summary>
    public static Refusal? Refuse(ref Utf8JsonReader json, string model)
    {
        json.Read();
        if (json.TokenType == JsonTokenType.Null)
            return null;
        var name = json.TokenType == JsonTokenType.String ? json.GetString()! : "";
        json.Skip();
        return name == model || name == "models/" + model ? null : new Refusal.BadRequest("model", $"The body must name the model of the path, 'models/{model}', or none.");
    }
}
