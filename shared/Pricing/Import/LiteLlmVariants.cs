namespace Quota.Shared.Pricing.Import;

/// <summary>
/// LiteLLM's prices by context size and tier as our variants, in the order that lays the particular over the general: sizes, tiers, both.
/// A rate that a condition leaves out is never less than it can be: where the rate that it goes with rises, it rises in proportion (Anthropic's
/// hour in the cache costs double at any size), and where both a size and a tier have it but not both together, the size's rises as the tier's does.
/// Nothing falls for being left out.
/// </summary>
internal sealed class LiteLlmVariants
{
    private static readonly (Rate Rate, Rate GoesWith)[] Companions =
    [
        (Rate.CachedInput, Rate.Input), (Rate.CacheWrite, Rate.Input), (Rate.CacheWrite1h, Rate.CacheWrite), (Rate.AudioInput, Rate.Input),
        (Rate.ImageInput, Rate.Input), (Rate.Reasoning, Rate.Output), (Rate.AudioOutput, Rate.Output), (Rate.ImageOutput, Rate.Output),
    ];

    /// <summary>Divided by it, 45.0 is 45: how a price is written does not depend on how it came about.</summary>
    private const decimal WithoutZeros = 1.0000000000000000000000000000m;

    private readonly Dictionary<(long? Above, string? Tier), RateSheet> _sheets = [];

    /// <summary>The rates of one condition; both null for the base rates.</summary>
    public RateSheet this[long? above, string? tier] =>
        _sheets.TryGetValue((above, tier), out var sheet) ? sheet : _sheets[(above, tier)] = new RateSheet();

    public RateSheet Base => this[null, null];

    public IReadOnlyList<PriceVariant> Build()
    {
        var sizes = _sheets.Keys.Select(key => key.Above).OfType<long>().Distinct().Order().ToArray();
        var tiers = _sheets.Keys.Select(key => key.Tier).OfType<string>().Distinct().Order(StringComparer.Ordinal).ToArray();
        foreach (var size in sizes)
            FillCompanions(this[size, null]);
        foreach (var tier in tiers)
            FillCompanions(this[null, tier]);
        foreach (var (size, tier) in sizes.SelectMany(size => tiers.Select(tier => (size, tier))))
            FillBoth(this[size, tier], this[size, null], this[null, tier]);
        var conditions = sizes.Select(size => ((long?)size, (string?)null))
            .Concat(tiers.Select(tier => ((long?)null, (string?)tier)))
            .Concat(tiers.SelectMany(tier => sizes.Select(size => ((long?)size, (string?)tier))));
        return [.. conditions.Where(key => !_sheets[key].IsEmpty).Select(key => _sheets[key].ToVariant(key.Item1, key.Item2))];
    }

    private void FillCompanions(RateSheet sheet)
    {
        foreach (var (rate, goesWith) in Companions)
        {
            if (sheet[rate] is null && sheet[goesWith] is { } now && Base[rate] is { } own && Base[goesWith] is { } before)
                sheet[rate] = own == before ? now : Risen(own, before, now);
        }
    }

    private void FillBoth(RateSheet both, RateSheet size, RateSheet tier)
    {
        foreach (var rate in Enum.GetValues<Rate>())
        {
            if (both[rate] is null && size[rate] is { } atSize && tier[rate] is { } atTier)
                both[rate] = Base[rate] is { } before ? Math.Max(Risen(atSize, before, atTier), atTier) : Math.Max(atSize, atTier);
        }
    }

    /// <summary>What does not divide evenly has too many decimals afterwards, and its model is skipped for that.</summary>
    private static decimal Risen(decimal own, decimal before, decimal now) => now <= before || before == 0 ? own : own * now / before / WithoutZeros;
}
