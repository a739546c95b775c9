using System.Text.Json;

namespace Quota.Shared.Pricing.Import;

/// <summary>Reads one entry of LiteLLM's map. Prices there are US dollars for one token, image, second…</summary>
internal static class LiteLlmModel
{
    private const int PerMillion = 6;
    private const string Search = "search_context_cost_per_query", Tiered = "tiered_pricing", FileSearch = "file_search_cost_per_1k_calls";

    /// <summary>What is metered here; others (<c>realtime</c>, <c>ocr</c>, <c>search</c>, <c>vector_store</c>) are skipped.</summary>
    private static readonly string[] Modes =
    [
        "chat", "completion", "responses", "embedding", "moderation", "rerank", "image_generation", "image_edit", "audio_transcription", "audio_speech", "video_generation",
    ];

    /// <returns>The price under LiteLLM's provider and our name; null when it was skipped or has mistakes.</returns>
    public static ModelPrice? Read(string name, JsonElement value, ImportNotes notes)
    {
        if (ModelFields.Of(value, name, notes) is not { } fields)
            return null;
        var (theirs, mode) = (fields.Text("litellm_provider"), fields.Text("mode"));
        var (input, output, tokens) = (fields.Tokens("max_input_tokens"), fields.Tokens("max_output_tokens"), fields.Tokens("max_tokens"));
        if (fields.HasMistakes)
            return null;
        var problem = theirs is null ? "names no litellm_provider" : mode is null ? "names no mode"
            : Modes.Contains(mode) ? null : $"mode '{mode}' is not metered here";
        var variants = new LiteLlmVariants();
        problem ??= ReadPrices(fields, mode!, theirs!, variants) ?? Missing(mode!, variants.Base);
        if (fields.HasMistakes)
            return null;
        if (problem is not null)
        {
            notes.Skip(name, problem);
            return null;
        }
        var provider = ModelName.Provider(theirs!);
        var model = ModelName.WithoutProvider(name, theirs!, provider);
        return variants.Base.ToPrice(provider, model, notes.Version(provider, model)) with
        {
            Variants = variants.Build(),
            MaxInputTokens = input ?? tokens,
            MaxOutputTokens = output ?? (mode is "chat" or "completion" or "responses" ? tokens : null),
        };
    }

    private static string? ReadPrices(ModelFields fields, string mode, string provider, LiteLlmVariants variants)
    {
        var (others, problem) = (new Dictionary<string, decimal>(StringComparer.Ordinal), (string?)null);
        foreach (var name in fields.Names.Where(LiteLlmField.IsPrice))
        {
            var field = LiteLlmField.Parse(name);
            if (name is Search)
                ReadSearch(fields, provider, variants.Base);
            else if (name is Tiered)
                problem ??= LiteLlmTiers.Read(fields, variants);
            else if (name is FileSearch && fields.Price(name, -3) is { } call)
                variants.Base.SetTool("file_search", call);
            else if (field.Rate is { } rate)
                problem ??= Lay(variants[field.Above, field.Tier], rate, fields.Price(name, PerMillion), name);
            else if (fields.Find(name) is { ValueKind: JsonValueKind.Number } && fields.Price(name, 0) is { } price)
                others[name] = price;
            else
                problem ??= LiteLlmUnits.Unknown(name);
        }
        return problem ?? LiteLlmUnits.Lay(mode, others, variants.Base);
    }

    /// <summary>Two fields may name one rate (a cache hit is a cache read), when they agree.</summary>
    public static string? Lay(RateSheet sheet, Rate rate, decimal? price, string field)
    {
        if (price is not null && sheet[rate] is { } other && other != price)
            return $"{field} contradicts another field of the same rate";
        sheet[rate] = price ?? sheet[rate];
        return null;
    }

    /// <summary>
    /// The dearest of the sizes. Perplexity charges it for each request (https://docs.perplexity.ai/guides/pricing), others for each search
    /// that the model makes.
    /// </summary>
    private static void ReadSearch(ModelFields fields, string provider, RateSheet sheet)
    {
        if (fields.Find(Search) is not { ValueKind: JsonValueKind.Object } sizes)
        {
            fields.Mistake(Search, "must be an object of sizes");
            return;
        }
        var dearest = sizes.EnumerateObject().Max(size => fields.Price(size.Value, Search, 0));
        if (dearest is { } price && provider == "perplexity")
            sheet[Rate.PerRequest] = price;
        else if (dearest is { } search)
            sheet.SetTool(RateSheet.WebSearch, search);
    }

    /// <summary>A model is imported only with a price for what its calls are counted in; 0 is a price when it is written.</summary>
    private static string? Missing(string mode, RateSheet sheet) => mode switch
    {
        "chat" or "completion" or "responses" => HasTokens(sheet) ? null : "names no price per token",
        "image_generation" or "image_edit" => sheet[Rate.PerImage] is null && sheet[Rate.ImageOutput] is null ? "names no price per image" : null,
        "audio_transcription" or "video_generation" => sheet[Rate.PerSecond] is null && !HasTokens(sheet) ? "names no price per second or token" : null,
        "audio_speech" => sheet[Rate.PerCharacter] is null && sheet[Rate.PerSecond] is null && !HasTokens(sheet) ? "names no price per character or token" : null,
        _ => sheet[Rate.Input] is null && sheet[Rate.PerRequest] is null ? "names no price per token" : null,
    };

    private static bool HasTokens(RateSheet sheet) => sheet[Rate.Input] is not null && sheet[Rate.Output] is not null;
}
