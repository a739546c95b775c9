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
        metrics.MapPost("evaluate_expression", Evaluate);
        metrics.MapGet("", List);
        metrics.MapGet("{code}", Get);
        metrics.MapPut("{code}", Update);
        metrics.MapDelete("{code}", Delete);
    }

    private static async Task<IResult> Create(JsonBody body, MetricStore store, Aggregations aggregations, TimeProvider clock)
    {
        var input = body.Root("billable_metric");
        var metric = MetricInput.Read(input, aggregations, clock.GetUtcNow());
        if (!input.Validation.IsValid)
            return ApiErrors.Unprocessable(input.Validation);
        return await store.AddAsync(metric) ? Answers.One("billable_metric", Answer(metric)) : ApiErrors.Unprocessable("code", Mistake.AlreadyExists);
    }

    private static IResult Evaluate(JsonBody body, TimeProvider clock) => ExpressionInput.Evaluate(body.Input, clock.GetUtcNow()) is { } value
        ? Answers.One("expression_result", new { Value = value }) : ApiErrors.Unprocessable(body.Input.Validation);

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
            Filters = input.Mentions("filters") ? MetricFilter.ReadAll(input) : metric.Filters,
        };
        MetricInput.RefuseOtherMeasure(input, metric);
        if (!input.Validation.IsValid)
            return ApiErrors.Unprocessable(input.Validation);
        return await store.ChangeAsync(changed) ? Answers.One("billable_metric", Answer(changed)) : NotFound();
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
        metric.Recurring,
        metric.WeightedInterval,
        metric.Expression,
        metric.RoundingFunction,
        metric.RoundingPrecision,
        metric.CreatedAt,
        metric.Filters,
    };
}
