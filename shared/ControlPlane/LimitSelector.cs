using System.Text.Json;
using System.Text.Json.Serialization;

namespace Quota.Shared.ControlPlane;

/// <summary>
/// To which calls a limit applies. Every list that is not empty must match: one of its entries for lists, all of them for tags.
/// Models are globs (<c>*</c>, <c>?</c>); environments and tags are the API key's own.
/// </summary>
public sealed record LimitSelector
{
    public const int MostEntries = 100, MostLength = 256;

    /// <summary>Kinds of endpoints: what an answer is, whatever the provider's path.</summary>
    public static readonly IReadOnlyList<string> EndpointKinds = ["chat", "completions", "responses", "embeddings", "images", "audio", "moderations", "other"];

    public IReadOnlyList<string> Models { get; init; } = [];

    /// <summary>Protocol words such as <c>openai</c>.</summary>
    public IReadOnlyList<string> Providers { get; init; } = [];

    /// <summary>Some of <see cref="EndpointKinds"/>.</summary>
    public IReadOnlyList<string> Endpoints { get; init; } = [];

    public IReadOnlyList<string> Environments { get; init; } = [];

    public IReadOnlyDictionary<string, string> Tags { get; init; } = new Dictionary<string, string>();

    [JsonIgnore]
    public bool IsEmpty => Models.Count + Providers.Count + Endpoints.Count + Environments.Count + Tags.Count == 0;

    /// <summary>The same text for the same calls, whatever the order of writing; part of a counter's name.</summary>
    public string Canonical() => JsonSerializer.Serialize<string[][]>(
        [Sorted(Models), Sorted(Providers), Sorted(Endpoints), Sorted(Environments), [.. Tags.OrderBy(tag => tag.Key, StringComparer.Ordinal).SelectMany(tag => new[] { tag.Key, tag.Value })]],
        SelectorJson.Default.StringArrayArray);

    internal IEnumerable<(string Field, string Problem)> Mistakes()
    {
        var lists = new[] { ("models", Models), ("providers", Providers), ("endpoints", Endpoints), ("environments", Environments), ("tags", [.. Tags.SelectMany(tag => new[] { tag.Key, tag.Value })]) };
        foreach (var (name, entries) in lists)
        {
            if (entries.Count > (name == "tags" ? 2 * MostEntries : MostEntries))
                yield return ($"selector.{name}", $"has {entries.Count} entries; at most {MostEntries}");
            if (entries.Any(entry => entry is not { Length: > 0 and <= MostLength }))
                yield return ($"selector.{name}", $"an entry is empty or longer than {MostLength} characters");
        }
        foreach (var endpoint in Endpoints.Where(endpoint => !EndpointKinds.Contains(endpoint)))
            yield return ("selector.endpoints", $"'{endpoint}' is not a kind of endpoint; use {string.Join(", ", EndpointKinds)}");
    }

    private static string[] Sorted(IReadOnlyList<string> entries) => [.. entries.Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal)];
}

[JsonSerializable(typeof(string[][]))]
internal sealed partial class SelectorJson : JsonSerializerContext;
