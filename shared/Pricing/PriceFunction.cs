using Quota.Shared.Amounts;
using Quota.Shared.Usage;

namespace Quota.Shared.Pricing;

/// <summary>
/// Turns quantities into money, exactly, in nano-units. Which variants hold depends on three things: how much input there is, the tier,
/// and the time of day; the rates of every combination are laid out once, so that a call looks up one of them.
/// </summary>
/// <remarks>
/// Pure and immutable. Amounts are exact because prices have at most 12 decimals per million tokens and 18 per one. Within one combination
/// they are linear: the amounts of parts add up to the amount of the whole.
/// </remarks>
public sealed class PriceFunction
{
    private readonly PriceSituations _situations;
    private readonly UnitPrices[] _prices;

    /// <exception cref="FormatException">The price has mistakes; see <see cref="ModelPrice.Mistakes"/>.</exception>
    public PriceFunction(ModelPrice price)
    {
        if (price.Mistakes().FirstOrDefault() is { Field: { } field, Problem: { } problem })
            throw new FormatException($"{price.Provider}/{price.Model} {field}: {problem}");
        Price = price;
        Currency = Currency.Parse(price.Currency);
        _situations = new PriceSituations(price.Variants);
        _prices = [.. _situations.All().Select(situation => new UnitPrices(RatesIn(situation), Currency))];
    }

    public ModelPrice Price { get; }

    public Currency Currency { get; }

    /// <summary>
    /// The exact amount of what was used, at the tier that it was answered at; where no variant names that tier, at the dearest there is.
    /// </summary>
    /// <exception cref="OverflowException">2⁵³ nano-units or more.</exception>
    public ExactNanos Amount(UsageCounts usage, PriceTerms terms)
    {
        var size = _situations.SizeOf(usage.InputTokens);
        var time = _situations.TimeOf(TimeOnly.FromTimeSpan(terms.At.UtcDateTime.TimeOfDay));
        if (_situations.TierOf(terms.ServiceTier) is { } known)
            return ExactNanos.From(_prices[_situations.Index(size, known, time)].Amount(usage));
        var dearest = 0m;
        for (var tier = 0; tier < _situations.Tiers; tier++)
            dearest = Math.Max(dearest, _prices[_situations.Index(size, tier, time)].Amount(usage));
        return ExactNanos.From(dearest);
    }

    /// <summary>
    /// The dearest of every situation that a call within these bounds can meet: any context size up to its input, the tier it asks for and
    /// the ordinary one (all of them where it asks for one without a price), any time of day.
    /// </summary>
    public WorstPrice WorstCase(CallBounds bounds)
    {
        var largest = _situations.SizeOf(bounds.InputTokens);
        var asked = _situations.TierOf(bounds.ServiceTier);
        var worst = default(WorstPrice);
        for (var size = 0; size <= largest; size++)
        {
            for (var tier = 0; tier < _situations.Tiers; tier++)
            {
                for (var time = 0; time < _situations.Times && (tier == 0 || asked is null || tier == asked); time++)
                    worst = worst.Or(_prices[_situations.Index(size, tier, time)].WorstCase(bounds));
            }
        }
        return worst;
    }

    private Rates RatesIn(PriceSituation situation)
    {
        var rates = Rates.Of(Price);
        foreach (var variant in Price.Variants.Where(situation.Meets))
            rates = Rates.Of(variant).Over(rates);
        return rates;
    }
}
