using Quota.Shared.Amounts;
using Quota.Shared.ControlPlane;
using Quota.Shared.Usage;

namespace Quota.Gateway.Limits.Kinds;

/// <summary>
/// Counts money, in nano-units of the org's currency: <c>cost</c> is what the vendor charges, by its own word or by the price book;
/// <c>spend</c> what the org pays, by the price book and its markup.
/// </summary>
internal sealed class MoneyLimit(string name) : ILimitKind
{
    private readonly bool _isSpend = name == Meters.Spend;

    public string Name => name;

    public WorstCase WorstCase(Demand demand)
    {
        var (worst, markup) = (demand.Price.WorstCase(demand.Bounds), _isSpend ? demand.Markup : 1);
        return new((demand.InputTokens * worst.PerInputToken + worst.Fixed) * markup, worst.PerOutputToken * markup);
    }

    public ExactNanos Used(UsageCounts usage, CallPrice price, bool isRate) => _isSpend ? price.Spend(usage) : price.Cost(usage);
}
