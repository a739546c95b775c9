namespace Quota.Billing.Metering;

/// <summary><c>count_agg</c>: every event counts 1.</summary>
internal sealed class CountAggregation : IAggregation
{
    public string Name => "count_agg";

    public bool NeedsField => false;

    public string Sql => "count(*)::numeric";
}
