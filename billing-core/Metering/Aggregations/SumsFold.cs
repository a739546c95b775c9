namespace Quota.Billing.Metering;

/// <summary>Reads events for aggregations that sums are enough for, so that events and rollups give the same.</summary>
internal sealed class SumsFold(IAggregation aggregation) : IEventFold
{
    private UsageSums _sums;

    public decimal Units => aggregation.UnitsOf(_sums) ?? throw new InvalidOperationException($"sums are not enough for {aggregation.Name}");

    public void Add(in MeteredEvent one) => _sums = _sums.Plus(one);
}
