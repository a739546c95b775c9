namespace Quota.Billing.Metering;

/// <summary>How a metric measures: all that metering has to know of it.</summary>
internal sealed record MetricTerms
{
    public Guid Id { get; init; }

    /// <summary>The code of the events it reads.</summary>
    public required string EventCode { get; init; }

    /// <summary>A registered name, e.g. <c>sum_agg</c>.</summary>
    public required string AggregationType { get; init; }

    /// <summary>The property that is measured; null for aggregations that need none, and where <see cref="Expression"/> measures.</summary>
    public string? FieldName { get; init; }

    /// <summary>Computes the measured value from the event, instead of one property.</summary>
    public string? Expression { get; init; }

    /// <summary>Whether a period begins with what the last one ended with.</summary>
    public bool Recurring { get; init; }

    /// <summary><c>round</c>, <c>ceil</c> or <c>floor</c> of the period's units; null leaves them exact.</summary>
    public string? RoundingFunction { get; init; }

    /// <summary>Decimals that the rounding leaves; negative ones round to tens, hundreds, …</summary>
    public int RoundingPrecision { get; init; }
}
