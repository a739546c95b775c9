using Quota.Billing.Http;
using Quota.Billing.Metering;
using Quota.Billing.Metering.Expressions;

namespace Quota.Billing.Catalog;

/// <summary>Reads a metric that a client sent and notes all its mistakes, in Lago's words where it has some.</summary>
internal static class MetricInput
{
    private const string Incompatible = "not_compatible_with_aggregation_type";

    /// <summary>The metric; usable only when the input's validation is valid.</summary>
    public static Metric Read(Input input, Aggregations aggregations, DateTimeOffset now)
    {
        var metric = new Metric
        {
            Id = Guid.CreateVersion7(now),
            Code = input.RequiredText("code"),
            Name = input.RequiredText("name"),
            Description = input.Text("description", 2000),
            EventCode = Filled(input.Text("event_code")) ?? input.Text("code") ?? "",
            AggregationType = input.RequiredText("aggregation_type"),
            FieldName = Filled(input.Text("field_name")),
            Expression = ExpressionInput.Read(input),
            Recurring = input.Flag("recurring") ?? false,
            WeightedInterval = Filled(input.Text("weighted_interval")),
            RoundingFunction = Filled(input.Text("rounding_function")),
            RoundingPrecision = (int?)input.Whole("rounding_precision", -UnitRounding.MostPrecision, UnitRounding.MostPrecision),
            Filters = MetricFilter.ReadAll(input),
            CreatedAt = now,
        };
        if (aggregations.TryGet(metric.AggregationType, out var aggregation))
            CheckAgainst(aggregation, metric, input);
        else if (metric.AggregationType.Length > 0)
            input.Refuse("aggregation_type", Mistake.Invalid);
        if (metric.WeightedInterval is not (null or "seconds"))
            input.Refuse("weighted_interval", Mistake.Invalid);
        if (metric.RoundingFunction is { } function && !UnitRounding.Functions.ContainsKey(function))
            input.Refuse("rounding_function", Mistake.Invalid);
        return metric;
    }

    /// <summary>Notes what of a change would measure otherwise than before.</summary>
    public static void RefuseOtherMeasure(Input input, Metric metric)
    {
        void Refuse(string field, bool differs)
        {
            if (differs)
                input.Refuse(field, "cannot be changed, because invoices are explained by it; make a new metric");
        }

        foreach (var (field, stays) in new[]
        {
            ("code", metric.Code), ("event_code", metric.EventCode), ("aggregation_type", metric.AggregationType), ("field_name", metric.FieldName),
            ("expression", metric.Expression), ("weighted_interval", metric.WeightedInterval), ("rounding_function", metric.RoundingFunction),
        })
            Refuse(field, Filled(input.Text(field, Expression.MaxLength)) is { } sent && sent != stays);
        Refuse("recurring", input.Flag("recurring") is { } recurring && recurring != metric.Recurring);
        Refuse("rounding_precision", input.Whole("rounding_precision", int.MinValue, int.MaxValue) is { } precision && precision != metric.RoundingPrecision);
    }

    private static void CheckAgainst(IAggregation aggregation, Metric metric, Input input)
    {
        var isMeasured = metric.FieldName is not null || Filled(input.Text("expression", Expression.MaxLength)) is not null;
        if (aggregation.NeedsField && !isMeasured)
            input.Refuse("field_name", Mistake.Mandatory);
        if (!aggregation.NeedsField && metric.Expression is not null)
            input.Refuse("expression", Incompatible);
        if (metric.Recurring && !aggregation.MayRecur)
            input.Refuse("recurring", Incompatible);
        if (aggregation.NeedsInterval && metric.WeightedInterval is null)
            input.Refuse("weighted_interval", Mistake.Invalid);
    }

    private static string? Filled(string? text) => text is { Length: > 0 } ? text : null;
}
