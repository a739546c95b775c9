using System.Globalization;
using Npgsql;
using Quota.Billing.Http;
using Quota.Billing.Invoicing;
using Quota.Billing.Metering;

namespace Quota.Billing.Subscriptions;

/// <summary>
/// <c>GET /api/v1/customers/{external_id}/past_usage</c>, Lago's shape: what the periods that ended were billed for usage, the last first. It is read
/// from their invoices, so that it stays as it was billed; groups are metered now.
/// </summary>
internal static class PastUsageEndpoints
{
    public static void MapPastUsage(this WebApplication app) => app.MapGet("/api/v1/customers/{externalId}/past_usage", List);

    private static async Task<IResult> List(
        string externalId, HttpRequest request, Paging paging, SubscriptionStore subscriptions, UsageGroups groups,
        NpgsqlDataSource database, CancellationToken cancel)
    {
        if (await subscriptions.FindSubscriberAsync(externalId) is not { } customer)
            return ApiErrors.NotFound("customer");
        var validation = new Validation();
        var keys = UsageGroups.Read(request, validation);
        var most = Periods(request, validation);
        if (request.Query["external_subscription_id"].FirstOrDefault() is not { Length: > 0 } subscription)
            return ApiErrors.Unprocessable("external_subscription_id", Mistake.Mandatory);
        if (!validation.IsValid)
            return ApiErrors.Unprocessable(validation);
        if (await subscriptions.FindAsync(subscription) is not { } found || found.CustomerId != customer.Id)
            return ApiErrors.NotFound("subscription");

        await using var connection = await database.OpenConnectionAsync(cancel);
        var (subject, code) = (new MeterSubject(subscription, customer.Id), request.Query["billable_metric_code"].FirstOrDefault());
        var total = Math.Min(await BilledUsage.CountAsync(connection, subject), most);
        var page = await BilledUsage.PageAsync(connection, subject, paging.Offset, (int)Math.Clamp(total - paging.Offset, 0, paging.Limit));
        try
        {
            var periods = new List<object>();
            foreach (var (invoice, charges) in page)
            {
                var asked = charges.Where(charge => code is null || charge.Charge.MetricCode == code).ToList();
                var lines = await groups.ReadAsync(connection, asked, subject, invoice.Period, keys, cancel);
                periods.Add(UsageAnswer.Of(invoice.Period, invoice.IssuingDate, invoice.Id, invoice.Currency, lines));
            }
            return Answers.Page("usage_periods", periods, paging, total);
        }
        catch (OverflowException)
        {
            return ApiErrors.Unprocessable(InvoiceBuilder.TooMuch.Field, InvoiceBuilder.TooMuch.Problem);
        }
    }

    private static long Periods(HttpRequest request, Validation validation)
    {
        if (request.Query["periods_count"].FirstOrDefault() is not { Length: > 0 } text)
            return long.MaxValue;
        if (int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var count) && count > 0)
            return count;
        validation.Add("periods_count", Mistake.Invalid);
        return 0;
    }
}
