using Quota.Shared.Amounts;
using Quota.Shared.ControlPlane;
using Quota.Shared.Pricing;
using Quota.Shared.Usage;

namespace Quota.Gateway.Limits.Kinds;

/// <summary>
/// Counts money, in nano-units of the org's currency, by the price book's linear price of the model: <c>spend</c> (what the org pays) and
/// <c>cost</c> (what the vendor charges) are the same number until plans have prices of their own.
/// </summary>
internal sealed class MoneyLimit(string name) : ILimitKind
{
    public string Name => name;

    public WorstCase WorstCase(Demand demand) => new(demand.InputTokens * demand.Price.PerInputToken(demand.WritesCache, demand.WritesCacheForAnHour), demand.Price.PerOutputToken);

    public ExactNanos Used(UsageCounts usage, PriceFunction price, bool isRate) => price.Amount(usage);
}
