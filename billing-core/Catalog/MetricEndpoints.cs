using Quota.Billing.Http;
using Quota.Billing.Metering;

namespace Quota.Billing.Catalog;

/// <summary><c>/api/v1/billable_metrics</c>, Lago's shapes.</summary>
internal static class MetricEndpoints
{
    public static void MapMetrics(this WebApplication app)
    {
        var metrics = app.MapGroup("/api/v1/billable_metrics");
        metrics.MapPost("", Create);
        metrics.MapGet("", List);
        metrics.MapGet("{code}", Get);
        metrics.MapPut("{code}", Update);
        metrics.MapDelete("{code}", Delete);
    }

    private static async Task<IResult> Create(JsonBody body, MetricStore store, Aggregations aggregations, TimeProvider clock)
    {
        var input = body.Root("billable_metric");
        var metric = Metric.Read(input, aggregations, clock.GetUtcNow());
        if (!input.Validation.IsValid)
            return ApiErrors.Unprocessable(input.Validation);
        return await store.AddAsync(metric) ? Answers.One("billable_metric", Answer(metric)) : ApiErrors.Unprocessable("code", Mistake.AlreadyExists);
    }

    private static async Task<IResult> List(Paging paging, MetricStore store)
    {
        var (metrics, total) = await store.ListAsync(paging.Offset, paging.Limit);
        return Answers.Page("billable_metrics", [.. metrics.Select(Answer)], paging, total);
    }

    private static async Task<IResult> Get(string code, MetricStore store) =>
        await store.FindAsync(code) is { } metric ? Answers.One("billable_metric", Answer(metric)) : NotFound();

    private static async Task<IResult> Update(string code, JsonBody body, MetricStore store)
    {
        if (await store.FindAsync(code) is not { } metric)
            return NotFound();
        var input = body.Root("billable_metric");
        var changed = metric with
        {
            Name = input.Text("name") is { Length: > 0 } name ? name : metric.Name,
            Description = input.Mentions("description") ? input.Text("description", 2000) : metric.Description,
        };
        foreach (var (field, stays) in new[]
        {
            ("code", metric.Code), ("event_code", metric.EventCode), ("aggregation_type", metric.AggregationType), ("field_name", metric.FieldName),
        })
        {
            if (input.Text(field) is { } sent && sent != stays)
                input.Refuse(field, "cannot be changed, because invoices are explained by it; make a new metric");
        }
        if (!input.Validation.IsValid)
            return ApiErrors.Unprocessable(input.Validation);
        return await store.RenameAsync(code, changed.Name, changed.Description) ? Answers.One("billable_metric", Answer(changed)) : NotFound();
    }

    private static async Task<IResult> Delete(string code, MetricStore store)
    {
        if (await store.FindAsync(code) is not { } metric)
            return NotFound();
        return await store.RemoveAsync(metric.Id) ? Answers.One("billable_metric", Answer(metric)) : ApiErrors.NotAllowed("attached_to_a_plan");
    }

    private static IResult NotFound() => ApiErrors.NotFound("billable_metric");

    private static object Answer(Metric metric) => new
    {
        LagoId = metric.Id,
        metric.Name,
        metric.Code,
        metric.Description,
        metric.EventCode,
        metric.AggregationType,
        metric.FieldName,
        Recurring = false,
        WeightedInterval = (string?)null,
        Expression = (string?)null,
        RoundingFunction = (string?)null,
        RoundingPrecision = (int?)null,
        metric.CreatedAt,
        Filters = Array.Empty<object>(),
    };
}
