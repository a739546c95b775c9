namespace Quota.Shared.Pricing;

/// <summary>
/// Every combination of context size, tier and time of day that some variants tell apart, numbered. Size 0 is the smallest, tier 0 the
/// ordinary one, time 0 begins at midnight.
/// </summary>
internal sealed class PriceSituations
{
    private readonly long[] _above;
    private readonly string[] _tiers;
    private readonly TimeOnly[] _bounds;

    public PriceSituations(IReadOnlyList<PriceVariant> variants)
    {
        _above = [.. variants.Select(variant => variant.AboveInputTokens).OfType<long>().Distinct().Order()];
        _tiers = [.. variants.Select(variant => variant.ServiceTier).OfType<string>().Distinct(StringComparer.OrdinalIgnoreCase)];
        _bounds = [.. variants.SelectMany(variant => new[] { variant.From, variant.To }).OfType<TimeOnly>().Distinct().Order()];
    }

    public int Tiers => _tiers.Length + 1;

    public int Times => _bounds.Length + 1;

    public long Count => (_above.Length + 1L) * Tiers * Times;

    public int Index(int size, int tier, int time) => (size * Tiers + tier) * Times + time;

    public int SizeOf(long inputTokens)
    {
        var size = 0;
        while (size < _above.Length && inputTokens > _above[size])
            size++;
        return size;
    }

    /// <summary>Null when no variant names the tier and it is not the ordinary one.</summary>
    public int? TierOf(string? tier)
    {
        if (ServiceTiers.IsBase(tier))
            return 0;
        var at = Array.FindIndex(_tiers, known => ServiceTiers.AreSame(known, tier));
        return at < 0 ? null : at + 1;
    }

    public int TimeOf(TimeOnly time)
    {
        var passed = 0;
        while (passed < _bounds.Length && time >= _bounds[passed])
            passed++;
        return passed;
    }

    /// <summary>In the order of their numbers. A price of a moment stands for the whole stretch that it begins.</summary>
    public IEnumerable<PriceSituation> All() =>
        from size in Enumerable.Range(0, _above.Length + 1)
        from tier in Enumerable.Range(0, Tiers)
        from time in Enumerable.Range(0, Times)
        select new PriceSituation(size == 0 ? null : _above[size - 1], tier == 0 ? null : _tiers[tier - 1], time == 0 ? TimeOnly.MinValue : _bounds[time - 1]);
}

/// <param name="Above">The input is more than this, and not more than the next size; null: not more than the first.</param>
/// <param name="Tier">Null: the ordinary one.</param>
/// <param name="From">The stretch of the day that begins here.</param>
internal readonly record struct PriceSituation(long? Above, string? Tier, TimeOnly From)
{
    public bool Meets(PriceVariant variant) =>
        (variant.AboveInputTokens is not { } above || Above >= above)
        && (variant.ServiceTier is null || ServiceTiers.AreSame(variant.ServiceTier, Tier))
        && (variant is not { From: { } from, To: { } to } || From.IsBetween(from, to));
}
