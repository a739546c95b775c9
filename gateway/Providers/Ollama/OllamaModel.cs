namespace Quota.Gateway.Providers.Ollama;

/// <summary>Names of models, <c>host/namespace/model:tag</c>. What Ollama puts in for a part that is missing is left out, so that one model has one name in limits and prices.</summary>
internal static class OllamaModel
{
    private const string Host = "registry.ollama.ai/", Namespace = "library/", Tag = ":latest";

    public static string Short(string name)
    {
        name = name.StartsWith(Host, StringComparison.Ordinal) ? name[Host.Length..] : name;
        name = name.StartsWith(Namespace, StringComparison.Ordinal) ? name[Namespace.Length..] : name;
        return name.EndsWith(Tag, StringComparison.Ordinal) ? name[..^Tag.Length] : name;
    }
}
