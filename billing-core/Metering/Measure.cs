namespace Quota.Billing.Metering;

/// <summary>
/// What a metric measures of an event: one property, what its expression computes, or nothing. Made once and asked for every event.
/// </summary>
internal sealed class Measure
{
    public Measure(MetricTerms terms)
    {
        Names = terms.AggregationType == "count_agg" || string.IsNullOrEmpty(terms.FieldName) ? [] : [terms.FieldName];
    }

    /// <summary>The properties that it needs, each once.</summary>
    public IReadOnlyList<string> Names { get; }

    /// <param name="slots">The values of <see cref="Names"/>, in their order.</param>
    public PropertyValue Of(ReadOnlySpan<PropertyValue> slots, DateTimeOffset at, string code) => Names.Count == 0 ? default : slots[0];
}
