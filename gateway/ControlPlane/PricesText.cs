using Quota.Shared.Pricing;

namespace Quota.Gateway.ControlPlane;

/// <summary>Reads <c>prices</c> of <c>quota.yaml</c>: models listed by hand, documents to import, and what a model in neither costs.</summary>
internal sealed class PricesText(PriceBookText? text, string path, List<string> mistakes)
{
    /// <summary>A price's decimals and the digits before them: what <c>decimal</c> holds exactly. More would be rounded without a word.</summary>
    private const int MostDigits = 28;

    /// <summary>Models by hand win over imported ones, whole: a document's history or variants are not mixed with them.</summary>
    public IReadOnlyList<ModelPrice> Read()
    {
        if (text is null)
            return [];
        ModelPrice[] listed = [.. text.Models.Select(price => ReadPrice($"models.{price.Key}", price.Key, price.Value ?? new PriceText())).OfType<ModelPrice>()];
        var names = listed.Select(price => (price.Provider, price.Model)).ToHashSet();
        ModelPrice[] all = [.. listed, .. Imported().Where(price => !names.Contains((price.Provider, price.Model)))];
        mistakes.AddRange(PriceBook.Mistakes(listed).Select(mistake => $"{path} prices.models: {mistake}"));
        return all;
    }

    /// <summary>The ceiling for models without a price; null: they are refused.</summary>
    public ModelPrice? ReadUnknown()
    {
        if (text?.Unknown is not { } unknown)
            return null;
        if (unknown.Price is not { } price)
        {
            if (unknown.Word is not (null or "" or "refuse"))
                mistakes.Add($"{path} prices.unknown: '{unknown.Word}' is not known; use refuse, or a price such as {{ input: \"30\", output: \"180\" }}");
            return null;
        }
        if (price is not { Provider: null, Model: null, EffectiveFrom: null, Aliases.Count: 0 })
            mistakes.Add($"{path} prices.unknown: holds for every model at any time; leave out provider, model, aliases and effective_from");
        price.Provider = "unknown";
        return ReadPrice("unknown", "*", price);
    }

    private IReadOnlyList<ModelPrice> Imported() =>
        text!.Import.Count == 0 ? [] : PriceImports.Read(text.Import, Path.GetDirectoryName(Path.GetFullPath(path))!, mistakes);

    private ModelPrice? ReadPrice(string place, string label, PriceText price)
    {
        var before = mistakes.Count;
        void Refuse(string field, string problem) => mistakes.Add($"{path} prices.{place}.{field}: {problem}");
        if (price.Provider is not { Length: > 0 })
            Refuse("provider", "is missing; name the upstream's protocol or provider");
        DateTimeOffset? from = null;
        if (price.EffectiveFrom is { } written)
        {
            if (DateTimeOffset.TryParse(written, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal, out var time))
                from = time;
            else
                Refuse("effective_from", $"'{written}' is not a time such as 2027-01-01T00:00:00Z");
        }
        var rates = new RatesReader(price, Refuse);
        var (input, output) = (rates.Read("input", price.Input, isNeeded: true), rates.Read("output", price.Output, isNeeded: true));
        var model = price.Model ?? label;
        var read = new ModelPrice
        {
            Provider = price.Provider ?? "", Model = model, Aliases = price.Aliases, EffectiveFrom = from, Currency = (price.Currency ?? "USD").ToUpperInvariant(),
            Input = input ?? 0, CachedInput = rates.CachedInput, CacheWrite = rates.CacheWrite, CacheWrite1h = rates.CacheWrite1h, AudioInput = rates.AudioInput,
            ImageInput = rates.ImageInput, Output = output ?? 0, Reasoning = rates.Reasoning, AudioOutput = rates.AudioOutput, ImageOutput = rates.ImageOutput,
            PerRequest = rates.PerRequest, PerImage = rates.PerImage, PerSecond = rates.PerSecond, PerCharacter = rates.PerCharacter, ToolCalls = rates.ToolCalls,
            Variants = [.. price.Variants.Select((variant, index) => ReadVariant(variant ?? new VariantText(), (field, problem) => Refuse($"variants[{index}].{field}", problem)))],
            MaxInputTokens = price.MaxInputTokens, MaxOutputTokens = price.MaxOutputTokens, HiddenOutput = price.HiddenOutput,
            Version = $"{price.Provider}/{model}@{from?.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.FFFFFFF'Z'", CultureInfo.InvariantCulture) ?? "file"}",
        };
        if (mistakes.Count == before)
            mistakes.AddRange(read.Mistakes().Select(mistake => $"{path} prices.{place}.{mistake.Field}: {mistake.Problem}"));
        return mistakes.Count == before ? read : null;
    }

    private static PriceVariant ReadVariant(VariantText variant, Action<string, string> refuse)
    {
        TimeOnly? Time(string field, string? written)
        {
            if (written is null)
                return null;
            if (TimeOnly.TryParseExact(written, ["HH:mm", "HH:mm:ss"], CultureInfo.InvariantCulture, DateTimeStyles.None, out var time))
                return time;
            refuse(field, $"'{written}' is not a time of day in UTC such as \"16:30\"");
            return null;
        }
        var rates = new RatesReader(variant, refuse);
        return new PriceVariant
        {
            AboveInputTokens = variant.AboveInputTokens, ServiceTier = variant.ServiceTier, From = Time("from", variant.From), To = Time("to", variant.To),
            Input = rates.Read("input", variant.Input), CachedInput = rates.CachedInput, CacheWrite = rates.CacheWrite, CacheWrite1h = rates.CacheWrite1h,
            AudioInput = rates.AudioInput, ImageInput = rates.ImageInput, Output = rates.Read("output", variant.Output), Reasoning = rates.Reasoning,
            AudioOutput = rates.AudioOutput, ImageOutput = rates.ImageOutput, PerRequest = rates.PerRequest, PerImage = rates.PerImage,
            PerSecond = rates.PerSecond, PerCharacter = rates.PerCharacter, ToolCalls = rates.ToolCalls,
        };
    }

    /// <summary>Decimal text, exactly or not at all.</summary>
    internal static bool TryDecimal(string? text, out decimal value)
    {
        value = 0;
        return text is not null && text.Count(char.IsAsciiDigit) <= MostDigits && decimal.TryParse(text, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out value);
    }

    /// <summary>The rates that a price and a variant have in common.</summary>
    private sealed class RatesReader(RatesText text, Action<string, string> refuse)
    {
        public decimal? CachedInput => Read("cached_input", text.CachedInput);
        public decimal? CacheWrite => Read("cache_write", text.CacheWrite);
        public decimal? CacheWrite1h => Read("cache_write_1h", text.CacheWrite1h);
        public decimal? AudioInput => Read("audio_input", text.AudioInput);
        public decimal? ImageInput => Read("image_input", text.ImageInput);
        public decimal? Reasoning => Read("reasoning", text.Reasoning);
        public decimal? AudioOutput => Read("audio_output", text.AudioOutput);
        public decimal? ImageOutput => Read("image_output", text.ImageOutput);
        public decimal? PerRequest => Read("per_request", text.PerRequest, perMillion: false);
        public decimal? PerImage => Read("per_image", text.PerImage, perMillion: false);
        public decimal? PerSecond => Read("per_second", text.PerSecond, perMillion: false);
        public decimal? PerCharacter => Read("per_character", text.PerCharacter, perMillion: false);

        public Dictionary<string, decimal> ToolCalls => text.ToolCalls.ToDictionary(tool => tool.Key, tool => Read($"tool_calls.{tool.Key}", tool.Value, isNeeded: true, perMillion: false) ?? 0);

        public decimal? Read(string field, string? value, bool isNeeded = false, bool perMillion = true)
        {
            if (value is null && !isNeeded)
                return null;
            if (TryDecimal(value, out var number))
                return number;
            refuse(field, $"'{value}' is not a decimal{(perMillion ? " per million tokens such as \"0.15\"" : " such as \"0.01\"")}");
            return null;
        }
    }
}
