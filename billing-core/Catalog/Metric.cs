using Quota.Billing.Http;
using Quota.Billing.Metering;

namespace Quota.Billing.Catalog;

/// <summary>What is counted: a kind of event, and how its events become one quantity. A row of <c>billable_metrics</c>.</summary>
internal sealed record Metric
{
    public Guid Id { get; init; }

    public required string Code { get; init; }

    public required string Name { get; init; }

    public string? Description { get; init; }

    /// <summary>The code of the events it reads; several metrics may read one event.</summary>
    public required string EventCode { get; init; }

    public required string AggregationType { get; init; }

    public string? FieldName { get; init; }

    public DateTimeOffset CreatedAt { get; init; }

    /// <summary>Reads what a client sent; mistakes go to the input's validation, and only a valid one may be stored.</summary>
    public static Metric Read(Input input, Aggregations aggregations, DateTimeOffset now)
    {
        var metric = new Metric
        {
            Id = Guid.CreateVersion7(now),
            Code = input.RequiredText("code"),
            Name = input.RequiredText("name"),
            Description = input.Text("description", 2000),
            EventCode = input.Text("event_code") is { Length: > 0 } eventCode ? eventCode : input.Text("code") ?? "",
            AggregationType = input.RequiredText("aggregation_type"),
            FieldName = input.Text("field_name") is { Length: > 0 } field ? field : null,
            CreatedAt = now,
        };
        if (metric.AggregationType.Length > 0 && !aggregations.TryGet(metric.AggregationType, out _))
            input.Refuse("aggregation_type", Mistake.Invalid);
        else if (metric.AggregationType.Length > 0 && aggregations[metric.AggregationType].NeedsField && metric.FieldName is null)
            input.Refuse("field_name", Mistake.Mandatory);
        if (input.Flag("recurring") == true)
            input.Refuse("recurring", Unbuilt);
        input.RefuseUnbuilt("weighted_interval", "expression", "rounding_function", "rounding_precision", "filters");
        return metric;
    }

    /// <summary>For flags whose false means nothing: only true is refused.</summary>
    public const string Unbuilt = "is not supported yet; leave it out";
}
