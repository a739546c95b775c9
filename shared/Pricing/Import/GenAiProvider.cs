using System.Text.Json;

namespace Quota.Shared.Pricing.Import;

/// <summary>
/// Reads the models of one provider of genai-prices. A model's name is its <c>id</c>; of its <c>match</c> rules those that are exact
/// (<c>equals</c>, alone or under <c>or</c>) are other names. As there, the first model that has a name keeps it.
/// </summary>
internal sealed class GenAiProvider(string id, ImportNotes notes)
{
    private readonly HashSet<string> _names = new(StringComparer.Ordinal);
    private readonly string _provider = ModelName.Provider(id);

    public string Id => id;

    public ImportNotes Notes => notes;

    public void Read(JsonElement value, int index)
    {
        var model = value.ValueKind == JsonValueKind.Object && value.TryGetProperty("id", out var name) && name.ValueKind == JsonValueKind.String ? name.GetString() : null;
        if (ModelFields.Of(value, model is null ? $"{id}.models[{index}]" : $"{id}/{model}", notes) is not { } fields)
            return;
        if (model is null)
        {
            fields.Mistake("id", "must be a text");
            return;
        }
        var window = fields.Tokens("context_window");
        var history = GenAiHistory.Read(fields, out var problem);
        var aliases = new List<string>();
        if (fields.Find("match") is { } match)
            AddExactNames(match, aliases);
        if (fields.HasMistakes)
            return;
        if (problem is null && !_names.Add(model))
            problem = "is a name of another model before it";
        if (problem is not null)
        {
            notes.Skip($"{id}/{model}", problem);
            return;
        }
        string[] others = [.. aliases.Where(_names.Add)];
        foreach (var dated in history)
            notes.Add($"{id}/{model}", dated.Build(_provider, model, notes) with { Aliases = others, MaxInputTokens = window });
    }

    private static void AddExactNames(JsonElement rule, List<string> names)
    {
        if (rule.ValueKind != JsonValueKind.Object)
            return;
        if (rule.TryGetProperty("equals", out var name) && name.ValueKind == JsonValueKind.String)
            names.Add(name.GetString()!);
        if (rule.TryGetProperty("or", out var any) && any.ValueKind == JsonValueKind.Array)
        {
            foreach (var one in any.EnumerateArray())
                AddExactNames(one, names);
        }
    }
}
