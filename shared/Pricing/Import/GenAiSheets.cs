using System.Text.Json;

namespace Quota.Shared.Pricing.Import;

/// <summary>
/// One set of genai-prices: US dollars per million tokens (<c>…_mtok</c>) or thousand of another thing (<c>…_kcount</c>). A rate may be
/// <c>{base, tiers: [{start, price}]}</c>: with more input tokens than <c>start</c> all of the call's tokens cost <c>price</c> (strictly more:
/// <c>total_input_tokens &gt; tier.start</c> in genai-prices' <c>types.py</c>).
/// </summary>
internal sealed class GenAiSheets
{
    private static readonly Dictionary<string, (Rate Rate, int Shift)> Rates = new(StringComparer.Ordinal)
    {
        ["input_mtok"] = (Rate.Input, 0),
        ["cache_read_mtok"] = (Rate.CachedInput, 0),
        ["cache_write_mtok"] = (Rate.CacheWrite, 0),
        ["cache_write_1h_mtok"] = (Rate.CacheWrite1h, 0),
        ["input_audio_mtok"] = (Rate.AudioInput, 0),
        ["input_image_mtok"] = (Rate.ImageInput, 0),
        ["output_mtok"] = (Rate.Output, 0),
        ["output_reasoning_mtok"] = (Rate.Reasoning, 0),
        ["output_audio_mtok"] = (Rate.AudioOutput, 0),
        ["output_image_mtok"] = (Rate.ImageOutput, 0),
        ["requests_kcount"] = (Rate.PerRequest, -3),
    };

    private const string WebSearches = "web_searches_kcount";

    /// <summary>Kinds of tokens without a rate of their own here, and the rates that they are charged at instead; that must not be less.</summary>
    private static readonly Dictionary<string, (Rate Rate, Rate Fallback)> ChargedAs = new(StringComparer.Ordinal)
    {
        ["cache_audio_read_mtok"] = (Rate.AudioInput, Rate.Input),
        ["cache_image_read_mtok"] = (Rate.ImageInput, Rate.Input),
        ["input_video_mtok"] = (Rate.Input, Rate.Input),
        ["output_video_mtok"] = (Rate.Output, Rate.Output),
    };

    public RateSheet Base { get; } = new();

    /// <summary>By the input tokens that must be passed.</summary>
    public SortedDictionary<long, RateSheet> Above { get; } = [];

    /// <param name="problem">Why the model cannot be priced; null when it can, or when a mistake was noted.</param>
    public static GenAiSheets Read(ModelFields model, JsonElement prices, out string? problem)
    {
        problem = null;
        var sheets = new GenAiSheets();
        if (prices.ValueKind != JsonValueKind.Object)
        {
            model.Mistake("prices", "must be an object of prices");
            return sheets;
        }
        var others = new Dictionary<string, decimal?>(StringComparer.Ordinal);
        var names = new HashSet<string>(StringComparer.Ordinal);
        foreach (var price in prices.EnumerateObject().Where(price => price.Value.ValueKind != JsonValueKind.Null))
        {
            var place = $"prices.{price.Name}";
            if (!names.Add(price.Name))
                model.Mistake(place, "stands twice");
            if (Rates.TryGetValue(price.Name, out var known))
                sheets.ReadRate(model, price.Value, place, known.Rate, known.Shift);
            else if (price.Name == WebSearches && model.Price(price.Value, place, -3) is { } search)
                sheets.Base.SetTool(RateSheet.WebSearch, search);
            else
                others[price.Name] = price.Value.ValueKind == JsonValueKind.Number ? model.Price(price.Value, place, 0) : null;
        }
        problem = sheets.Problem(others);
        // A set without an output price is an embedding's, which has no output; should it have some, it is not free.
        sheets.Base[Rate.Output] ??= sheets.Base[Rate.Input];
        return sheets;
    }

    /// <summary>Whether every rate of these is named there, at every size.</summary>
    public bool AreCoveredBy(GenAiSheets other) => Base.IsCoveredBy(other.Base);

    private string? Problem(Dictionary<string, decimal?> others)
    {
        if (Base.IsEmpty && others.Count == 0)
            return "names no price";
        foreach (var (name, price) in others.Where(other => other.Value != 0))
        {
            if (!ChargedAs.TryGetValue(name, out var charged) || price is null || price > (Base[charged.Rate] ?? Base[charged.Fallback]))
                return $"{name} is not metered here";
        }
        return Base[Rate.Input] is null ? "names no input price" : null;
    }

    private void ReadRate(ModelFields model, JsonElement value, string place, Rate rate, int shift)
    {
        if (value.ValueKind != JsonValueKind.Object)
        {
            Base[rate] = model.Price(value, place, shift);
            return;
        }
        if (!value.TryGetProperty("base", out var first) || !value.TryGetProperty("tiers", out var tiers) || tiers.ValueKind != JsonValueKind.Array)
        {
            model.Mistake(place, "must be a number, or an object of base and tiers");
            return;
        }
        Base[rate] = model.Price(first, place, shift);
        foreach (var tier in tiers.EnumerateArray())
        {
            if (tier.ValueKind == JsonValueKind.Object && tier.TryGetProperty("start", out var start) && tier.TryGetProperty("price", out var price))
                At(model.Tokens(start, place) ?? 0)[rate] = model.Price(price, place, shift);
            else
                model.Mistake(place, "a tier must be an object of start and price");
        }
    }

    private RateSheet At(long start) => Above.TryGetValue(start, out var sheet) ? sheet : Above[start] = new RateSheet();
}
