namespace Quota.Shared.Pricing.Import;

/// <summary>Names of providers and models, theirs to ours.</summary>
internal static class ModelName
{
    public const int Longest = 255;

    /// <summary>Names of one company that differ between the documents, or between a document and us.</summary>
    private static readonly Dictionary<string, string> Ours = new(StringComparer.Ordinal)
    {
        // LiteLLM
        ["azure_text"] = "azure",
        ["bedrock_converse"] = "bedrock",
        ["cohere_chat"] = "cohere",
        ["fireworks_ai-embedding-models"] = "fireworks_ai",
        ["text-completion-codestral"] = "codestral",
        ["text-completion-inception"] = "inception",
        ["text-completion-openai"] = "openai",
        // genai-prices
        ["aws"] = "bedrock",
        ["fireworks"] = "fireworks_ai",
        ["google"] = "gemini",
        ["moonshotai"] = "moonshot",
        ["together"] = "together_ai",
        ["voyageai"] = "voyage",
        ["x-ai"] = "xai",
    };

    /// <summary>LiteLLM splits Vertex AI by the kind of model: <c>vertex_ai-language-models</c>.</summary>
    private const string Vertex = "vertex_ai";

    public static string Provider(string theirs) =>
        theirs.StartsWith(Vertex + "-", StringComparison.Ordinal) ? Vertex : Ours.GetValueOrDefault(theirs, theirs);

    /// <summary>
    /// LiteLLM's key without its <c>provider/</c>: <c>groq/openai/gpt-oss-120b</c> is Groq's <c>openai/gpt-oss-120b</c>. Whole stay those of
    /// Azure and Bedrock with a place or a quality between (<c>azure/eu/gpt-4o-2024-08-06</c>): they are another price of the same model.
    /// </summary>
    public static string WithoutProvider(string name, string theirProvider, string provider)
    {
        foreach (var prefix in new[] { theirProvider, provider })
        {
            if (name.Length > prefix.Length + 1 && name[prefix.Length] == '/' && name.StartsWith(prefix, StringComparison.Ordinal))
            {
                var rest = name[(prefix.Length + 1)..];
                return provider is "azure" or "bedrock" && rest.Contains('/') ? name : rest;
            }
        }
        return name;
    }

    public static bool IsUsable(string name) => name.Length is > 0 and <= Longest && !name.Any(char.IsControl);
}
