namespace Quota.Billing.Metering;

/// <summary>
/// <c>sum_agg</c>: the exact sum of a property, each value rounded to 12 decimals. A number below 10^18 counts, however many decimals
/// it has, and a text that is one in plain decimal notation (at most 18 digits before and after the point); an event without the
/// property, or with anything else in it, counts 0.
/// </summary>
internal sealed class SumAggregation : IAggregation
{
    public string Name => "sum_agg";

    public bool NeedsField => true;

    // Clients write a double below 0.01 with more than 18 decimals (0.0012345678901234567), so a number's digits are not counted.
    // 12 decimals leave a big sum room in the 28 digits of a .NET decimal.
    public string Sql => """
        coalesce(sum(case jsonb_typeof(properties -> @field)
            when 'number' then case when abs((properties ->> @field)::numeric) < 1e18
                then round((properties ->> @field)::numeric, 12) else 0 end
            when 'string' then case when properties ->> @field ~ '^[+-]?\d{1,18}(\.\d{1,18})?$'
                then round((properties ->> @field)::numeric, 12) else 0 end
            end), 0)
        """;
}
