using System.Text.Json;

namespace Quota.Shared.Pricing.Import;

/// <summary>
/// LiteLLM's map: an object of models by name. Its own <c>sample_spec</c> tells what the fields mean; texts between the models
/// (<c>last_updated</c>) are remarks of whoever copied it.
/// </summary>
internal static class LiteLlmMap
{
    private const string Description = "sample_spec";

    /// <param name="reader">On the map's first brace; of a document that is known to be whole JSON.</param>
    public static void Read(ref Utf8JsonReader reader, ImportNotes notes)
    {
        var names = new HashSet<string>(StringComparer.Ordinal);
        var found = new List<(string Name, ModelPrice Price)>();
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var name = reader.GetString()!;
            reader.Read();
            if (!names.Add(name))
                notes.Mistake($"{name}: stands twice");
            if (names.Count > PriceDocument.MostModels)
            {
                notes.Mistake($"there are more than {PriceDocument.MostModels} models");
                return;
            }
            if (name == Description || reader.TokenType == JsonTokenType.String)
                reader.Skip();
            else if (ModelFields.Take(ref reader, name, notes) is { } model && LiteLlmModel.Read(name, model, notes) is { } price)
                found.Add((name, price));
        }
        foreach (var same in found.GroupBy(model => (model.Price.Provider, model.Price.Model)))
            AddOne([.. same], notes);
    }

    /// <summary>
    /// Of entries that are one model without their prefixes (<c>deepseek/deepseek-chat</c>, <c>deepseek-chat</c>) the plain name wins; without
    /// one they must agree.
    /// </summary>
    private static void AddOne((string Name, ModelPrice Price)[] same, ImportNotes notes)
    {
        var plain = Array.FindIndex(same, model => model.Name == model.Price.Model);
        var chosen = same[Math.Max(plain, 0)];
        var others = same.Where(model => model.Price != chosen.Price).ToArray();
        if (plain >= 0 || others.Length == 0)
            notes.Add(chosen.Name, chosen.Price);
        else
            notes.Skip(chosen.Name, $"has another price as {others[0].Name}");
        foreach (var other in others)
            notes.Skip(other.Name, $"has another price as {chosen.Name}");
    }
}
