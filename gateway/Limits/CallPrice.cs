using Quota.Shared.Amounts;
using Quota.Shared.Pricing;
using Quota.Shared.Usage;

namespace Quota.Gateway.Limits;

/// <summary>What turns one call's usage into its two amounts: what the vendor charges, and what the org pays.</summary>
/// <param name="Markup">What the org pays is the price times this.</param>
/// <param name="ProviderCost">What the vendor itself said that the call costs, in US dollars; it wins over the price book.</param>
internal readonly record struct CallPrice(PriceFunction Price, PriceTerms Terms, decimal Markup, decimal? ProviderCost)
{
    /// <summary>The vendor's word, unless it cannot be an amount, or the price is in another currency than vendors speak of.</summary>
    public decimal? SaidCost => ProviderCost is >= 0 and < 1_000_000 && Price.Currency.Code == "USD" ? ProviderCost : null;

    /// <summary>Whether both amounts are the same, as they are without a markup and without the vendor's word.</summary>
    public bool IsSpendCost => Markup == 1 && SaidCost is null;

    /// <exception cref="OverflowException">2⁵³ nano-units or more.</exception>
    public ExactNanos Cost(UsageCounts usage) => SaidCost is { } said ? Shared.Pricing.Markup.UpToBillionth(said * NanoUnits.PerMajor(Price.Currency)) : Price.Amount(usage, Terms);

    /// <exception cref="OverflowException">2⁵³ nano-units or more.</exception>
    public ExactNanos Spend(UsageCounts usage) => Shared.Pricing.Markup.On(Price.Amount(usage, Terms), Markup);
}
