using Quota.Shared.Pricing;
using Quota.Shared.Pricing.Import;

namespace Quota.Gateway.ControlPlane;

/// <summary>
/// The documents of <c>prices.import</c>: LiteLLM's map or genai-prices v2, files beside <c>quota.yaml</c>. Where two of them know a model, the
/// one that is named first has it, with its whole history. What a document says in units that are not metered here is left out, so such a
/// model has no price, which is never 0.
/// </summary>
internal static class PriceImports
{
    /// <param name="files">Paths, relative to <paramref name="baseFolder"/>.</param>
    /// <param name="mistakes">Gets what is wrong with a file, with its name; that file then gives no prices.</param>
    public static IReadOnlyList<ModelPrice> Read(IEnumerable<string> files, string baseFolder, List<string> mistakes)
    {
        var known = new HashSet<(string Provider, string Model)>();
        var prices = new List<ModelPrice>();
        foreach (var file in files)
        {
            var found = Read(file, baseFolder, mistakes).Where(price => !known.Contains((price.Provider, price.Model))).ToArray();
            prices.AddRange(found);
            known.UnionWith(found.Select(price => (price.Provider, price.Model)));
        }
        return prices;
    }

    private static IReadOnlyList<ModelPrice> Read(string? file, string baseFolder, List<string> mistakes)
    {
        if (file is not { Length: > 0 })
        {
            mistakes.Add("prices.import: an entry is empty; name a file, or take it out");
            return [];
        }
        try
        {
            using var document = File.OpenRead(Path.Combine(baseFolder, file));
            var import = PriceDocument.Read(document);
            mistakes.AddRange(import.Mistakes.Select(mistake => $"prices.import {file}: {mistake}"));
            return import.Prices;
        }
        catch (Exception problem) when (problem is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
        {
            mistakes.Add($"prices.import: '{file}' cannot be read: {problem.Message}");
            return [];
        }
    }
}
