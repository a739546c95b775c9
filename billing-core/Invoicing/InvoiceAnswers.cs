using System.Text.Json;
using Quota.Billing.Customers;
using Quota.Billing.Subscriptions;

namespace Quota.Billing.Invoicing;

/// <summary>
/// Invoices as Lago's clients read them. What is not built yet (coupons, taxes, credit notes, wallets) is there with zero, so that
/// the sums of a reader who adds them are right.
/// </summary>
internal static class InvoiceAnswers
{
    /// <summary>As in lists: without fees.</summary>
    public static object Summary(Invoice invoice, string externalCustomerId) => Fields(invoice, externalCustomerId);

    public static object Whole(Invoice invoice, IReadOnlyList<Fee> fees, Customer customer, Subscription subscription, DateTimeOffset now)
    {
        var fields = Fields(invoice, customer.ExternalId);
        fields["customer"] = CustomerAnswer.Of(customer);
        fields["subscriptions"] = new[] { SubscriptionEndpoints.Answer(subscription, now) };
        fields["billing_periods"] = new[]
        {
            new
            {
                LagoSubscriptionId = subscription.Id,
                ExternalSubscriptionId = subscription.ExternalId,
                LagoPlanId = subscription.PlanId,
                SubscriptionFromDatetime = invoice.PeriodFrom,
                SubscriptionToDatetime = invoice.Period.LastMoment,
                ChargesFromDatetime = invoice.PeriodFrom,
                ChargesToDatetime = invoice.Period.LastMoment,
                InvoicingReason = "subscription_periodic",
            },
        };
        fields["fees"] = fees.Select(fee => Line(fee, invoice, customer, subscription));
        fields["credits"] = Array.Empty<object>();
        fields["applied_taxes"] = Array.Empty<object>();
        fields["metadata"] = Array.Empty<object>();
        return fields;
    }

    private static Dictionary<string, object?> Fields(Invoice invoice, string externalCustomerId)
    {
        var paid = invoice.PaymentStatus == PaymentState.Succeeded ? invoice.TotalAmountCents : 0;
        var fields = new Dictionary<string, object?>
        {
            ["lago_id"] = invoice.Id,
            ["external_customer_id"] = externalCustomerId,
            ["sequential_id"] = invoice.SequentialId,
            ["number"] = invoice.Number,
            ["issuing_date"] = invoice.IssuingDate,
            ["payment_due_date"] = invoice.PaymentDueDate,
            ["invoice_type"] = invoice.InvoiceType,
            ["status"] = invoice.Status,
            ["payment_status"] = invoice.PaymentStatus,
            ["currency"] = invoice.Currency,
            ["fees_amount_cents"] = invoice.FeesAmountCents,
            ["sub_total_excluding_taxes_amount_cents"] = invoice.FeesAmountCents,
            ["sub_total_including_taxes_amount_cents"] = invoice.FeesAmountCents,
            ["total_amount_cents"] = invoice.TotalAmountCents,
            ["total_paid_amount_cents"] = paid,
            ["total_due_amount_cents"] = invoice.TotalAmountCents - paid,
            ["file_url"] = null,
            ["finalized_at"] = invoice.FinalizedAt,
            ["created_at"] = invoice.CreatedAt,
            ["voided_at"] = null,
        };
        foreach (var unused in (ReadOnlySpan<string>)["coupons", "credit_notes", "taxes", "prepaid_credit", "progressive_billing_credit"])
            fields[unused + "_amount_cents"] = 0;
        return fields;
    }

    private static object Line(Fee fee, Invoice invoice, Customer customer, Subscription subscription) => new
    {
        LagoId = fee.Id,
        LagoInvoiceId = invoice.Id,
        LagoTrueUpFeeId = (Guid?)null,
        LagoTrueUpParentFeeId = (Guid?)null,
        LagoSubscriptionId = subscription.Id,
        ExternalSubscriptionId = subscription.ExternalId,
        LagoCustomerId = customer.Id,
        ExternalCustomerId = customer.ExternalId,
        Item = new
        {
            Type = fee.FeeType,
            Code = fee.ItemCode,
            Name = fee.ItemName,
            InvoiceDisplayName = fee.ItemName,
            LagoItemId = fee.ChargeId ?? subscription.PlanId,
            GroupedBy = new Dictionary<string, string>(),
            Filters = (object?)null,
        },
        PayInAdvance = false,
        Invoiceable = true,
        fee.AmountCents,
        AmountCurrency = fee.Currency,
        fee.PreciseAmount,
        PreciseTotalAmount = fee.PreciseAmount,
        TaxesAmountCents = 0,
        TaxesPreciseAmount = 0m,
        TaxesRate = 0,
        TotalAmountCents = fee.AmountCents,
        TotalAmountCurrency = fee.Currency,
        fee.Units,
        PreciseUnitAmount = fee.Units <= 0 ? 0m : fee.PreciseAmount / fee.Units,
        fee.EventsCount,
        invoice.PaymentStatus,
        fee.FromDate,
        ToDate = new BillingPeriod(fee.FromDate, fee.ToDate).LastMoment,
        AmountDetails = JsonElement.Parse(fee.AmountDetails),
        invoice.CreatedAt,
    };
}
