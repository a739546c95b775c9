using System.Text.Json;

namespace Quota.Shared.Pricing.Import;

/// <summary>genai-prices v2: a list of providers, each <c>{id, models: [{id, match, prices, context_window}]}</c>.</summary>
internal static class GenAiPrices
{
    /// <param name="reader">On the list's first bracket; of a document that is known to be whole JSON.</param>
    public static void Read(ref Utf8JsonReader reader, ImportNotes notes)
    {
        var (ids, models) = (new HashSet<string>(StringComparer.Ordinal), 0);
        for (var index = 0; reader.Read() && reader.TokenType != JsonTokenType.EndArray; index++)
        {
            var place = $"providers[{index}]";
            if (reader.TokenType != JsonTokenType.StartObject)
                notes.Mistake($"{place}: must be an object");
            else if (IdOf(reader) is not { } id)
                notes.Mistake($"{place}.id: must be a text");
            else if (!ids.Add(id))
                notes.Mistake($"{place}.id: '{id}' stands twice");
            else if (!ReadModels(reader, new GenAiProvider(id, notes), ref models))
            {
                notes.Mistake($"there are more than {PriceDocument.MostModels} models");
                return;
            }
            reader.Skip();
        }
    }

    /// <param name="reader">On the provider's first brace; a copy, so that the caller's stays there.</param>
    private static string? IdOf(Utf8JsonReader reader)
    {
        string? id = null;
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var isId = reader.ValueTextEquals("id"u8);
            reader.Read();
            if (isId)
                id = reader.TokenType == JsonTokenType.String ? reader.GetString() : null;
            reader.Skip();
        }
        return id;
    }

    /// <returns>False when there are more models than are taken.</returns>
    private static bool ReadModels(Utf8JsonReader reader, GenAiProvider provider, ref int count)
    {
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var isModels = reader.ValueTextEquals("models"u8);
            reader.Read();
            if (!isModels || reader.TokenType != JsonTokenType.StartArray)
            {
                if (isModels)
                    provider.Notes.Mistake($"{provider.Id}.models: must be a list");
                reader.Skip();
                continue;
            }
            for (var index = 0; reader.Read() && reader.TokenType != JsonTokenType.EndArray; index++)
            {
                if (++count > PriceDocument.MostModels)
                    return false;
                if (ModelFields.Take(ref reader, $"{provider.Id}.models[{index}]", provider.Notes) is { } model)
                    provider.Read(model, index);
            }
        }
        return true;
    }
}
