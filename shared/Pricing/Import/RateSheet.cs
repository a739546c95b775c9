namespace Quota.Shared.Pricing.Import;

/// <summary>The rates that a price and a variant of it have in common.</summary>
internal enum Rate
{
    Input, CachedInput, CacheWrite, CacheWrite1h, AudioInput, ImageInput, Output, Reasoning, AudioOutput, ImageOutput, PerRequest, PerImage, PerSecond, PerCharacter,
}

/// <summary>Rates in the making: per million tokens, or per one; null where the document says nothing.</summary>
internal sealed class RateSheet
{
    public const string WebSearch = "web_search";

    private readonly decimal?[] _rates = new decimal?[Enum.GetValues<Rate>().Length];
    private readonly Dictionary<string, decimal> _tools = [];

    public decimal? this[Rate rate]
    {
        get => _rates[(int)rate];
        set => _rates[(int)rate] = value;
    }

    public bool IsEmpty => _tools.Count == 0 && Array.TrueForAll(_rates, rate => rate is null);

    /// <summary>The price of one call of a tool that the provider runs.</summary>
    public void SetTool(string name, decimal price) => _tools[name] = price;

    /// <summary>Whether every rate that is named here is named there, too.</summary>
    public bool IsCoveredBy(RateSheet other) =>
        _tools.Keys.All(other._tools.ContainsKey) && Enum.GetValues<Rate>().All(rate => this[rate] is null || other[rate] is not null);

    /// <summary>A price with these rates; what a model has no tokens of costs 0 per token.</summary>
    public ModelPrice ToPrice(string provider, string model, string version) => new()
    {
        Provider = provider,
        Model = model,
        Version = version,
        Currency = "USD",
        Input = this[Rate.Input] ?? 0,
        CachedInput = this[Rate.CachedInput],
        CacheWrite = this[Rate.CacheWrite],
        CacheWrite1h = this[Rate.CacheWrite1h],
        AudioInput = this[Rate.AudioInput],
        ImageInput = this[Rate.ImageInput],
        Output = this[Rate.Output] ?? 0,
        Reasoning = this[Rate.Reasoning],
        AudioOutput = this[Rate.AudioOutput],
        ImageOutput = this[Rate.ImageOutput],
        PerRequest = this[Rate.PerRequest],
        PerImage = this[Rate.PerImage],
        PerSecond = this[Rate.PerSecond],
        PerCharacter = this[Rate.PerCharacter],
        ToolCalls = _tools,
    };

    public PriceVariant ToVariant(long? above, string? tier) => new()
    {
        AboveInputTokens = above,
        ServiceTier = tier,
        Input = this[Rate.Input],
        CachedInput = this[Rate.CachedInput],
        CacheWrite = this[Rate.CacheWrite],
        CacheWrite1h = this[Rate.CacheWrite1h],
        AudioInput = this[Rate.AudioInput],
        ImageInput = this[Rate.ImageInput],
        Output = this[Rate.Output],
        Reasoning = this[Rate.Reasoning],
        AudioOutput = this[Rate.AudioOutput],
        ImageOutput = this[Rate.ImageOutput],
        PerRequest = this[Rate.PerRequest],
        PerImage = this[Rate.PerImage],
        PerSecond = this[Rate.PerSecond],
        PerCharacter = this[Rate.PerCharacter],
        ToolCalls = _tools,
    };
}
