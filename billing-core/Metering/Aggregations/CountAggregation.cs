namespace Quota.Billing.Metering;

/// <summary><c>count_agg</c>: every event counts 1, but for those that correct another: they are no calls.</summary>
internal sealed class CountAggregation : IAggregation
{
    public const string Type = "count_agg";

    public string Name => Type;

    public bool NeedsField => false;

    public bool MayRecur => false;

    public decimal? UnitsOf(in UsageSums sums) => sums.Calls;

    public IEventFold Start(DateTimeOffset from, DateTimeOffset to, bool recurring) => new SumsFold(this);
}
