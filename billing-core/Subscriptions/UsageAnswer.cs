using Quota.Billing.Http;
using Quota.Billing.Invoicing;

namespace Quota.Billing.Subscriptions;

/// <summary>Lago's <c>customer_usage</c>: one period's usage by charge, of a period that is running or one that was billed.</summary>
internal static class UsageAnswer
{
    /// <param name="invoiceId">Null while the period runs.</param>
    public static object Of(
        BillingPeriod period, DateOnly issuingDate, Guid? invoiceId, string currency,
        IReadOnlyList<(RatedCharge Charge, IReadOnlyList<UsageGroup> Groups)> usage)
    {
        var amount = usage.Sum(line => line.Charge.AmountCents);
        return new
        {
            FromDatetime = period.From,
            ToDatetime = period.LastMoment,
            IssuingDate = issuingDate,
            LagoInvoiceId = invoiceId,
            Currency = currency,
            AmountCents = amount,
            TaxesAmountCents = 0,
            TotalAmountCents = amount,
            ChargesUsage = usage.Select(line => Of(line.Charge, line.Groups)),
        };
    }

    private static object Of(RatedCharge usage, IReadOnlyList<UsageGroup> groups) => new
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
        GroupedUsage = groups.Select(group => new
        {
            group.AmountCents,
            group.EventsCount,
            group.Units,
            TotalAggregatedUnits = group.Units,
            GroupedBy = group.Values,
            PricingUnitDetails = (object?)null,
            Filters = Array.Empty<object>(),
        }),
        PresentationBreakdowns = Array.Empty<object>(),
    };
}
