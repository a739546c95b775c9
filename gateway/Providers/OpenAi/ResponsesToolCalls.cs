using System.Text.Json;

namespace Quota.Gateway.Providers.OpenAi;

/// <summary>
/// Tools that OpenAI runs and bills beside tokens (platform.openai.com/docs/pricing, Built-in tools), by the names that prices have for them:
/// searches of the web and of files by the call, code by the container that it ran in.
/// </summary>
internal static class ResponsesToolCalls
{
    /// <summary>What a tool of a request is called in prices, dated names without their date; null when it is not one of these.</summary>
    public static string? NameOf(string type) => type switch
    {
        "web_search" or "web_search_preview" => "web_search",
        "file_search" or "code_interpreter" => type,
        _ when type.StartsWith("web_search_", StringComparison.Ordinal) && char.IsAsciiDigit(type[^1]) => "web_search",
        _ => null,
    };

    /// <summary>What a whole response was billed for; null when it is none, or no JSON.</summary>
    public static Dictionary<string, long>? Count(ReadOnlySpan<byte> response)
    {
        if (response.IndexOf("_call\""u8) < 0)   // nearly every response
            return null;
        return UsageObject.Parse(response, static response =>
            response.TryGetProperty("output", out var items) && items.ValueKind == JsonValueKind.Array ? Count(items) : null);
    }

    private static Dictionary<string, long>? Count(JsonElement items)
    {
        var counts = new Dictionary<string, long>();
        var containers = new HashSet<string>(StringComparer.Ordinal);
        foreach (var item in items.EnumerateArray())
        {
            if (ToolOf(item, containers) is { } tool)
                counts[tool] = counts.GetValueOrDefault(tool) + 1;
        }
        return counts.Count > 0 ? counts : null;
    }

    private static string? ToolOf(JsonElement item, HashSet<string> containers) => Text(item, "type") switch
    {
        // Opening a page that was found, or looking for something in it, is not billed (…/guides/tools-web-search, Output and citations).
        "web_search_call" when !item.TryGetProperty("action", out var action) || Text(action, "type") is null or "search" => "web_search",
        "file_search_call" => "file_search",
        "code_interpreter_call" when containers.Add(Text(item, "container_id") ?? "") => "code_interpreter",
        _ => null,
    };

    private static string? Text(JsonElement parent, string field) =>
        parent.ValueKind == JsonValueKind.Object && parent.TryGetProperty(field, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;
}
