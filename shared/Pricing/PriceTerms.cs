namespace Quota.Shared.Pricing;

/// <summary>Beside its quantities, what the price of a call depends on.</summary>
/// <param name="ServiceTier">The tier that it was answered at; null when there are none.</param>
/// <param name="At">When it was, by the clock that chose its windows: its time of day in UTC counts.</param>
public readonly record struct PriceTerms(string? ServiceTier, DateTimeOffset At);
