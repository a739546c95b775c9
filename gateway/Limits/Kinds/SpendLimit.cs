using Quota.Shared.Amounts;
using Quota.Shared.ControlPlane;
using Quota.Shared.Pricing;
using Quota.Shared.Usage;

namespace Quota.Gateway.Limits.Kinds;

/// <summary>Counts money, in nano-units of the org's currency, by the model's price function.</summary>
internal sealed class SpendLimit : ILimitKind
{
    public string Name => Meters.Spend;

    public long WorstCase(RequestBound bound, PriceFunction price) => price.WorstCase(bound.InputTokens, bound.OutputTokens);

    public ExactNanos Used(UsageCounts usage, PriceFunction price, bool isRate) => price.Amount(usage);
}
