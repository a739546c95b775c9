namespace Quota.Billing.Metering;

/// <summary>
/// <c>sum_agg</c>: the exact sum of what is measured, corrections included; an event without a number counts 0. When it recurs, a period
/// begins with the sum of all time before it.
/// </summary>
internal sealed class SumAggregation : IAggregation
{
    public string Name => "sum_agg";

    public bool NeedsField => true;

    public bool MayRecur => true;

    public decimal? UnitsOf(in UsageSums sums) => PicoUnits.ToDecimal(sums.Total);

    public IEventFold Start(DateTimeOffset from, DateTimeOffset to, bool recurring) => new SumsFold(this);
}
