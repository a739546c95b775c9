namespace Quota.Billing.Metering;

/// <summary>
/// <c>average_agg</c> (ours, not Lago's): the exact sum of what is measured by the number of calls, rounded once to 12 decimals. A correction
/// puts right the sum and is no further call; a call without a number counts 0 among them, as in the sum. No calls give 0.
/// </summary>
internal sealed class AverageAggregation : IAggregation
{
    public string Name => "average_agg";

    public bool NeedsField => true;

    public bool MayRecur => false;

    public decimal? UnitsOf(in UsageSums sums) =>
        sums.Calls == 0 ? 0 : PicoUnits.ToDecimal((Int128)UnitRounding.Divide(sums.Total, sums.Calls));

    public IEventFold Start(DateTimeOffset from, DateTimeOffset to, bool recurring) => new SumsFold(this);
}
