using System.Text.Json;
using Quota.Billing.Http;

namespace Quota.Billing.Catalog;

/// <summary><c>/api/v1/plans</c>, Lago's shapes. A plan's prices never change: make a new plan.</summary>
internal static class PlanEndpoints
{
    public static void MapPlans(this WebApplication app)
    {
        var plans = app.MapGroup("/api/v1/plans");
        plans.MapPost("", Create);
        plans.MapGet("", List);
        plans.MapGet("{code}", Get);
        plans.MapDelete("{code}", Delete);
    }

    private static async Task<IResult> Create(JsonBody body, PlanReader reader, PlanStore store, TimeProvider clock)
    {
        var input = body.Root("plan");
        var plan = await reader.ReadAsync(input, clock.GetUtcNow());
        if (!input.Validation.IsValid)
            return ApiErrors.Unprocessable(input.Validation);
        return await store.AddAsync(plan) ? Answers.One("plan", Answer(plan)) : ApiErrors.Unprocessable("code", Mistake.AlreadyExists);
    }

    private static async Task<IResult> List(Paging paging, PlanStore store)
    {
        var (plans, total) = await store.ListAsync(paging.Offset, paging.Limit);
        return Answers.Page("plans", [.. plans.Select(Answer)], paging, total);
    }

    private static async Task<IResult> Get(string code, PlanStore store) =>
        await store.FindAsync(code) is { } plan ? Answers.One("plan", Answer(plan)) : ApiErrors.NotFound("plan");

    private static async Task<IResult> Delete(string code, PlanStore store)
    {
        if (await store.FindAsync(code) is not { } plan)
            return ApiErrors.NotFound("plan");
        return await store.RemoveAsync(plan.Id) ? Answers.One("plan", Answer(plan)) : ApiErrors.NotAllowed("attached_to_a_subscription");
    }

    private static object Answer(Plan plan) => new
    {
        LagoId = plan.Id,
        plan.Name,
        plan.InvoiceDisplayName,
        plan.CreatedAt,
        plan.Code,
        plan.Interval,
        plan.Description,
        plan.AmountCents,
        plan.AmountCurrency,
        TrialPeriod = 0,
        PayInAdvance = false,
        BillChargesMonthly = (bool?)null,
        Charges = plan.Charges.Select(charge => Answer(plan, charge)),
        UsageThresholds = Array.Empty<object>(),
        Taxes = Array.Empty<object>(),
        MinimumCommitment = (object?)null,
    };

    private static object Answer(Plan plan, Charge charge) => new
    {
        LagoId = charge.Id,
        LagoBillableMetricId = charge.BillableMetricId,
        BillableMetricCode = charge.MetricCode,
        charge.InvoiceDisplayName,
        plan.CreatedAt,
        charge.ChargeModel,
        Invoiceable = true,
        PayInAdvance = false,
        Prorated = false,
        MinAmountCents = 0,
        Properties = JsonElement.Parse(charge.Properties),
        Filters = Array.Empty<object>(),
        Taxes = Array.Empty<object>(),
    };
}
