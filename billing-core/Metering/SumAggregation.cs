namespace Quota.Billing.Metering;

/// <summary>
/// <c>sum_agg</c>: the exact sum of a property. A number counts, and a text that is one in plain decimal notation (at most 18
/// digits before and after the point); an event without the property, or with anything else in it, counts 0.
/// </summary>
internal sealed class SumAggregation : IAggregation
{
    public string Name => "sum_agg";

    public bool NeedsField => true;

    // jsonb holds numbers as numeric, so ->> writes them without an exponent and one pattern serves both.
    public string Sql => """
        coalesce(sum(case when jsonb_typeof(properties -> @field) in ('number', 'string')
            and properties ->> @field ~ '^[+-]?\d{1,18}(\.\d{1,18})?$' then (properties ->> @field)::numeric else 0 end), 0)
        """;
}
