using System.Text.Json;

namespace Quota.Gateway.Providers.OpenAi;

/// <summary>
/// Fields of chats by which copies of OpenAI sell more than tokens. Their prices are not metered yet, so they are refused by name, whichever
/// upstream would get them: others pass over them.
/// </summary>
internal static class ChatExtras
{
    private static readonly (string Field, string Why)[] Sold =
    [
        ("search_parameters", "xAI bills every source that a live search uses"),   // docs.x.ai, Live Search
        ("plugins", "OpenRouter bills its plugins, such as web search, beside the model"),   // openrouter.ai/docs/features/web-search
        ("models", "OpenRouter may have any of them answer, at its own price"),   // openrouter.ai/docs/features/model-routing
        ("compound_custom", "Groq bills the tools that it runs beside the model"),   // console.groq.com/docs/compound
    ];

    /// <summary>Why the field whose name the reader stands on cannot be taken; null when it can.</summary>
    public static Refusal? Find(Utf8JsonReader json)
    {
        foreach (var (field, why) in Sold)
        {
            if (!json.ValueTextEquals(field))
                continue;
            json.Read();
            return json.TokenType == JsonTokenType.Null || IsOff(json) ? null : new Refusal.BadRequest(field, $"{why}, which is not metered yet; leave {field} out.");
        }
        return null;
    }

    /// <summary>A search that says itself that it shall not be: <c>{"mode":"off"}</c>.</summary>
    private static bool IsOff(Utf8JsonReader json) =>
        json.TokenType == JsonTokenType.StartObject && JsonElement.ParseValue(ref json).TryGetProperty("mode", out var mode) && mode.ValueKind == JsonValueKind.String && mode.ValueEquals("off");
}
