using System.Text.Json;
using Quota.Billing.Metering;

namespace Quota.Billing.Catalog;

/// <summary>What is counted: a kind of event, and how its events become one quantity. A row of <c>billable_metrics</c>.</summary>
internal sealed record Metric
{
    /// <summary>For flags whose false means nothing: only true is refused.</summary>
    public const string Unbuilt = "is not supported yet; leave it out";

    public Guid Id { get; init; }

    public required string Code { get; init; }

    public required string Name { get; init; }

    public string? Description { get; init; }

    /// <summary>The code of the events it reads; several metrics may read one event.</summary>
    public required string EventCode { get; init; }

    public required string AggregationType { get; init; }

    public string? FieldName { get; init; }

    /// <summary>Measures instead of the field; Lago's clients name a field beside it.</summary>
    public string? Expression { get; init; }

    public bool Recurring { get; init; }

    /// <summary><c>seconds</c>, Lago's only one, or null. Weighted sums count time to the microsecond whatever it says.</summary>
    public string? WeightedInterval { get; init; }

    public string? RoundingFunction { get; init; }

    public int? RoundingPrecision { get; init; }

    /// <summary>What charges may filter by: <see cref="MetricFilter"/>s as JSON.</summary>
    public JsonElement Filters { get; init; }

    public DateTimeOffset CreatedAt { get; init; }

    public MetricTerms Terms => new()
    {
        Id = Id,
        EventCode = EventCode,
        AggregationType = AggregationType,
        FieldName = FieldName,
        Expression = Expression,
        Recurring = Recurring,
        RoundingFunction = RoundingFunction,
        RoundingPrecision = RoundingPrecision ?? 0,
    };
}
