using System.Text.Json;

namespace Quota.Gateway.Providers.OpenAi;

/// <summary>A list of models, and one of them, as OpenAI and Azure answer (platform.openai.com/docs/api-reference/models).</summary>
internal static class OpenAiModels
{
    public static byte[] Write(IReadOnlyList<string> models) => JsonText.Of(json =>
    {
        json.WriteString("object", "list");
        json.WriteStartArray("data");
        foreach (var model in models)
        {
            json.WriteStartObject();
            Describe(json, model);
            json.WriteEndObject();
        }
        json.WriteEndArray();
    });

    public static byte[] Write(string model) => JsonText.Of(json => Describe(json, model));

    /// <summary>When a model was made, and by whom, the gateway does not know.</summary>
    private static void Describe(Utf8JsonWriter json, string model)
    {
        json.WriteString("id", model);
        json.WriteString("object", "model");
        json.WriteNumber("created", 0);
        json.WriteString("owned_by", "openai");
    }
}
