using System.Data;
using Npgsql;
using Quota.Billing.Http;
using Quota.Billing.Invoicing;
using Quota.Billing.Metering;

namespace Quota.Billing.Subscriptions;

/// <summary>What the running period would be billed for usage if it ended now: live quantities through the same rater as invoices.</summary>
internal static class CurrentUsageEndpoints
{
    public static void MapCurrentUsage(this WebApplication app) => app.MapGet("/api/v1/customers/{externalId}/current_usage", Get);

    private static async Task<IResult> Get(
        string externalId, HttpRequest request, SubscriptionStore store, InvoiceBuilder builder, UsageGroups groups,
        NpgsqlDataSource database, TimeProvider clock, CancellationToken cancel)
    {
        var now = clock.GetUtcNow();
        if (await store.FindSubscriberAsync(externalId) is not { } customer)
            return ApiErrors.NotFound("customer");
        var validation = new Validation();
        var keys = UsageGroups.Read(request, validation);
        if (request.Query["external_subscription_id"].FirstOrDefault() is not { Length: > 0 } subscriptionId)
            validation.Add("external_subscription_id", Mistake.Mandatory);
        else if (validation.IsValid && await store.FindAsync(subscriptionId) is { } subscription && subscription.CustomerId == customer.Id
            && subscription.PeriodAt(now) is { } period)
            return await AnswerAsync(subscription, period, builder, groups, keys, database, cancel);
        return validation.IsValid ? ApiErrors.NotFound("subscription") : ApiErrors.Unprocessable(validation);
    }

    private static async Task<IResult> AnswerAsync(
        Subscription subscription, BillingPeriod period, InvoiceBuilder builder, UsageGroups groups, IReadOnlyList<string> keys,
        NpgsqlDataSource database, CancellationToken cancel)
    {
        try
        {
            await using var connection = await database.OpenConnectionAsync(cancel);
            // One picture, so that groups add up while others store.
            await using var picture = keys.Count > 0 ? await connection.BeginTransactionAsync(IsolationLevel.RepeatableRead, cancel) : null;
            var usage = await builder.RateChargesAsync(connection, subscription, period, cancel);
            var subject = new MeterSubject(subscription.ExternalId, subscription.CustomerId);
            var lines = await groups.ReadAsync(connection, usage, subject, period, keys, cancel);
            var issuingDate = subscription.Calendar().DayOf(period.To);
            return Answers.One("customer_usage", UsageAnswer.Of(period, issuingDate, invoiceId: null, subscription.PlanAmountCurrency, lines));
        }
        catch (OverflowException)
        {
            return ApiErrors.Unprocessable(InvoiceBuilder.TooMuch.Field, InvoiceBuilder.TooMuch.Problem);
        }
    }
}
