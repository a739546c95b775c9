using Npgsql;
using Quota.Billing.Http;
using Quota.Billing.Invoicing;

namespace Quota.Billing.Subscriptions;

/// <summary>What the running period would be billed for usage if it ended now: live quantities through the same rater as invoices.</summary>
internal static class CurrentUsageEndpoints
{
    public static void MapCurrentUsage(this WebApplication app) => app.MapGet("/api/v1/customers/{externalId}/current_usage", Get);

    private static async Task<IResult> Get(
        string externalId, HttpRequest request, SubscriptionStore store, InvoiceBuilder builder,
        NpgsqlDataSource database, TimeProvider clock, CancellationToken cancel)
    {
        var now = clock.GetUtcNow();
        if (await store.FindSubscriberAsync(externalId) is not { } customer)
            return ApiErrors.NotFound("customer");
        if (request.Query["external_subscription_id"].FirstOrDefault() is not { Length: > 0 } subscriptionId)
            return ApiErrors.Unprocessable("external_subscription_id", Mistake.Mandatory);
        if (await store.FindAsync(subscriptionId) is not { } subscription || subscription.CustomerId != customer.Id
            || subscription.PeriodAt(now) is not { } period)
            return ApiErrors.NotFound("subscription");

        try
        {
            await using var connection = await database.OpenConnectionAsync(cancel);
            return Answer(subscription, period, await builder.RateChargesAsync(connection, subscription, period, cancel));
        }
        catch (OverflowException)
        {
            return ApiErrors.Unprocessable(InvoiceBuilder.TooMuch.Field, InvoiceBuilder.TooMuch.Problem);
        }
    }

    private static IResult Answer(Subscription subscription, BillingPeriod period, IReadOnlyList<RatedCharge> usage)
    {
        var amount = usage.Sum(line => line.AmountCents);
        return Answers.One("customer_usage", new
        {
            FromDatetime = period.From,
            ToDatetime = period.LastMoment,
            IssuingDate = subscription.Calendar().DayOf(period.To),
            LagoInvoiceId = (Guid?)null,
            Currency = subscription.PlanAmountCurrency,
            AmountCents = amount,
            TaxesAmountCents = 0,
            TotalAmountCents = amount,
            ChargesUsage = usage.Select(Answer),
        });
    }

    private static object Answer(RatedCharge usage) => new
    {
        usage.Units,
        TotalAggregatedUnits = usage.Units,
        usage.EventsCount,
        usage.AmountCents,
        AmountCurrency = usage.Currency.Code,
        PricingUnitDetails = (object?)null,
        Charge = new { LagoId = usage.Charge.Id, usage.Charge.ChargeModel, usage.Charge.InvoiceDisplayName },
        BillableMetric = new
        {
            LagoId = usage.Charge.BillableMetricId,
            Name = usage.Charge.MetricName,
            Code = usage.Charge.MetricCode,
            usage.Charge.Metric.AggregationType,
        },
        Filters = Array.Empty<object>(),
        GroupedUsage = Array.Empty<object>(),
        PresentationBreakdowns = Array.Empty<object>(),
    };
}
