namespace Quota.Billing.Metering;

/// <summary><c>min_agg</c> (ours, not Lago's): the smallest number of a call, which may be below 0; 0 when no call has one.</summary>
internal sealed class MinAggregation : IAggregation
{
    public string Name => "min_agg";

    public bool NeedsField => true;

    public bool MayRecur => false;

    public decimal? UnitsOf(in UsageSums sums) => PicoUnits.ToDecimal(sums.Least ?? 0);

    public IEventFold Start(DateTimeOffset from, DateTimeOffset to, bool recurring) => new SumsFold(this);
}
