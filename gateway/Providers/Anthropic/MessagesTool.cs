using System.Text.Json;

namespace Quota.Gateway.Providers.Anthropic;

/// <summary>Who runs a tool of a Messages request, and how that is billed.</summary>
internal enum ToolKind
{
    /// <summary>The client's own.</summary>
    Custom,

    /// <summary>Anthropic's by its description, run by the client.</summary>
    Client,

    /// <summary>Run by Anthropic and billed by the search.</summary>
    WebSearch,

    /// <summary>Run by Anthropic for nothing but the tokens of what it fetched.</summary>
    WebFetch,

    /// <summary>Run by Anthropic and billed otherwise, or not known.</summary>
    Other,
}

/// <summary>A tool of a Messages request, as far as its bill goes (docs.claude.com/en/docs/agents-and-tools/tool-use/overview, …/web-search-tool, …/web-fetch-tool).</summary>
/// <param name="Type">Its <c>type</c>, cut to 64 characters.</param>
/// <param name="MaxUses">Its <c>max_uses</c>; null when it has none.</param>
internal readonly record struct MessagesTool(string Type, ToolKind Kind, long? MaxUses)
{
    /// <summary>What a search is called in prices.</summary>
    public const string WebSearch = "web_search";

    private const long MostUses = 1_000;

    private static readonly string[] ClientTools = ["bash_", "text_editor_", "computer_", "memory_"];

    /// <summary>Reads the tool whose object <paramref name="json"/> stands on. Null when what it says of itself is ambiguous or no number; then the second says why.</summary>
    public static (MessagesTool? Tool, string? Why) Read(Utf8JsonReader json)
    {
        var depth = json.CurrentDepth;
        var (type, uses, types, bounds) = ("custom", (long?)null, 0, 0);
        while (json.Read() && json.CurrentDepth > depth)
        {
            if (json.TokenType != JsonTokenType.PropertyName || json.CurrentDepth != depth + 1)
                continue;
            var (isType, isBound) = (json.ValueTextEquals("type"u8), json.ValueTextEquals("max_uses"u8));
            json.Read();
            if (isType)
            {
                types++;
                type = json.TokenType == JsonTokenType.String ? json.GetString()! : type;
            }
            else if (isBound)
            {
                bounds++;
                if (json.TokenType == JsonTokenType.Number && json.TryGetInt64(out var most) && most is >= 1 and <= MostUses)
                    uses = most;
                else if (json.TokenType != JsonTokenType.Null)
                    return (null, $"max_uses should be a whole number from 1 to {MostUses}");
            }
        }
        if (types > 1 || bounds > 1)
            return (null, "type or max_uses stands twice in a tool; which one counts is ambiguous.");
        return (new MessagesTool(type.Length <= 64 ? type : type[..64], KindOf(type), uses), null);
    }

    private static ToolKind KindOf(string type)
    {
        if (type == "custom")
            return ToolKind.Custom;
        if (IsVersionOf("web_search_", type))
            return ToolKind.WebSearch;
        if (IsVersionOf("web_fetch_", type))
            return ToolKind.WebFetch;
        return Array.Exists(ClientTools, tool => IsVersionOf(tool, type)) ? ToolKind.Client : ToolKind.Other;
    }

    /// <summary>A tool's name and the date of its version: <c>web_search_20250305</c>.</summary>
    private static bool IsVersionOf(string tool, string type) =>
        type.Length == tool.Length + 8 && type.StartsWith(tool, StringComparison.Ordinal) && type.AsSpan(tool.Length).IndexOfAnyExceptInRange('0', '9') < 0;
}
