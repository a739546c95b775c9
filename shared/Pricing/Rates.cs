using Quota.Shared.Usage;

namespace Quota.Shared.Pricing;

/// <summary>What a price can charge for; the order of <see cref="Rates"/>' fields.</summary>
internal enum Rate
{
    Input, CachedInput, CacheWrite, CacheWrite1h, AudioInput, ImageInput, Output, Reasoning, AudioOutput, ImageOutput, PerRequest, PerImage, PerSecond, PerCharacter,
}

/// <summary>The rates that a price or a variant names, as it names them; absent ones are null.</summary>
internal sealed class Rates
{
    private static readonly string[] Fields =
    [
        "input", "cached_input", "cache_write", "cache_write_1h", "audio_input", "image_input", "output", "reasoning", "audio_output", "image_output",
        "per_request", "per_image", "per_second", "per_character",
    ];

    private readonly decimal?[] _rates;

    private Rates(decimal?[] rates, IReadOnlyDictionary<string, decimal>? tools) => (_rates, Tools) = (rates, tools);

    public IReadOnlyDictionary<string, decimal>? Tools { get; }

    public bool IsEmpty => Tools is null && _rates.All(rate => rate is null);

    public decimal? this[Rate rate] => _rates[(int)rate];

    public static bool IsPerMillion(Rate rate) => rate < Rate.PerRequest;

    public static Rates Of(ModelPrice it) => new(
        [
            it.Input, it.CachedInput, it.CacheWrite, it.CacheWrite1h, it.AudioInput, it.ImageInput, it.Output, it.Reasoning, it.AudioOutput, it.ImageOutput,
            it.PerRequest, it.PerImage, it.PerSecond, it.PerCharacter,
        ],
        it.ToolCalls);

    public static Rates Of(PriceVariant it) => new(
        [
            it.Input, it.CachedInput, it.CacheWrite, it.CacheWrite1h, it.AudioInput, it.ImageInput, it.Output, it.Reasoning, it.AudioOutput, it.ImageOutput,
            it.PerRequest, it.PerImage, it.PerSecond, it.PerCharacter,
        ],
        it.ToolCalls);

    /// <summary>These laid over others: what is absent here is as there.</summary>
    public Rates Over(Rates below)
    {
        var rates = new decimal?[_rates.Length];
        for (var i = 0; i < rates.Length; i++)
            rates[i] = _rates[i] ?? below._rates[i];
        if (Tools is null || below.Tools is null)
            return new Rates(rates, Tools ?? below.Tools);
        var tools = below.Tools.ToDictionary(tool => tool.Key, tool => tool.Value);
        foreach (var (name, price) in Tools)
            tools[name] = price;
        return new Rates(rates, ValueMap<decimal>.Of(tools));
    }

    public IEnumerable<(string Field, string Problem)> Mistakes(int currencyDigits)
    {
        foreach (var rate in Enum.GetValues<Rate>())
        {
            if (this[rate] is { } value && PriceMistakes.OfRate(value, IsPerMillion(rate), currencyDigits) is { } problem)
                yield return (Fields[(int)rate], problem);
        }
        if (Tools?.Count > PriceMistakes.MostTools)
            yield return ("tool_calls", $"there are {Tools.Count}; at most {PriceMistakes.MostTools}");
        foreach (var (name, price) in Tools ?? new Dictionary<string, decimal>())
        {
            if (!PriceMistakes.IsName(name))
                yield return ("tool_calls", $"'{name}' must have 1 to 255 characters");
            else if (PriceMistakes.OfRate(price, perMillion: false, currencyDigits) is { } problem)
                yield return ($"tool_calls.{name}", problem);
        }
    }
}
