namespace Quota.Billing.Metering;

/// <summary><c>max_agg</c>: the largest number of a call, which may be below 0; 0 when no call has one.</summary>
internal sealed class MaxAggregation : IAggregation
{
    public string Name => "max_agg";

    public bool NeedsField => true;

    public bool MayRecur => false;

    public decimal? UnitsOf(in UsageSums sums) => PicoUnits.ToDecimal(sums.Most ?? 0);

    public IEventFold Start(DateTimeOffset from, DateTimeOffset to, bool recurring) => new SumsFold(this);
}
