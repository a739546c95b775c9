using System.Text.Json;
using Quota.Billing.Http;
using Quota.Billing.Metering;
using Quota.Billing.Rating;
using Quota.Shared.Amounts;

namespace Quota.Billing.Catalog;

/// <summary>
/// Reads a plan that a client sent and notes all its mistakes. What later versions will understand (filters, minimums, advance
/// payment, …) is refused by name: a plan that is half understood sends wrong invoices.
/// </summary>
internal sealed class PlanReader(Rater rater, MetricStore metrics)
{
    private const int MaxCharges = 100;

    /// <summary>Ten billion of a two-digit currency: far above any plan, far below overflow when summed.</summary>
    private const long MaxAmountCents = 1_000_000_000_000;

    private static readonly JsonElement Empty = JsonElement.Parse("{}");

    /// <summary>The plan; usable only when the input's validation is valid.</summary>
    public async Task<Plan> ReadAsync(Input input, DateTimeOffset now)
    {
        var plan = new Plan
        {
            Id = Guid.CreateVersion7(now),
            Code = input.RequiredText("code"),
            Name = input.RequiredText("name"),
            Description = input.Text("description", 2000),
            InvoiceDisplayName = input.Text("invoice_display_name"),
            Interval = input.RequiredText("interval"),
            AmountCents = input.Whole("amount_cents", 0, MaxAmountCents) ?? 0,
            AmountCurrency = input.RequiredText("amount_currency"),
            CreatedAt = now,
        };
        if (!input.Raw.TryGetProperty("amount_cents", out var amount) || amount.ValueKind == JsonValueKind.Null)
            input.Refuse("amount_cents", Mistake.Mandatory);
        if (plan.Interval is not ("" or Plan.Monthly))
            input.Refuse("interval", Mistake.Invalid);
        if (Currency.TryParse(plan.AmountCurrency, out var currency))
            plan = plan with { AmountCurrency = currency.Code };
        else if (plan.AmountCurrency.Length > 0)
            input.Refuse("amount_currency", Mistake.Invalid);
        RefuseTrue(input, "pay_in_advance", "bill_charges_monthly", "bill_fixed_charges_monthly");
        RefuseMoreThanZero(input, "trial_period");
        input.RefuseUnbuilt("tax_codes", "minimum_commitment", "usage_thresholds", "fixed_charges", "entitlements", "metadata");
        plan.Charges = await ReadChargesAsync(input, plan.Id, now);
        return plan;
    }

    private async Task<IReadOnlyList<Charge>> ReadChargesAsync(Input plan, Guid planId, DateTimeOffset now)
    {
        var inputs = plan.Objects("charges", MaxCharges);
        var ids = inputs.Select(input => Guid.TryParse(input.Text("billable_metric_id"), out var id) ? id : (Guid?)null).ToList();
        var known = (await metrics.FindAsync(ids.OfType<Guid>())).ToDictionary(metric => metric.Id);
        var charges = new List<Charge>();
        foreach (var (position, input) in inputs.Index())
        {
            input.RequiredText("billable_metric_id");
            if (ids[position] is not { } id || !known.TryGetValue(id, out var metric))
            {
                input.Refuse("billable_metric_id", Mistake.Invalid);
                metric = null;
            }
            var charge = ReadCharge(input, metric, planId, position, now);
            if (metric is not null)
                charges.Add(charge);
        }
        return charges;
    }

    private Charge ReadCharge(Input input, Metric? metric, Guid planId, int position, DateTimeOffset now)
    {
        var model = input.RequiredText("charge_model");
        var properties = input.Json("properties") ?? Empty;
        if (model.Length > 0 && !rater.Knows(model))
            input.Refuse("charge_model", $"'{model}' is not one of {string.Join(", ", rater.Names)}");
        else if (model.Length > 0)
            input.Refuse(rater.Check(model, properties).Select(mistake => ($"properties.{mistake.Field}".TrimEnd('.'), mistake.Code)));
        RefuseTrue(input, "pay_in_advance", "prorated");
        RefuseMoreThanZero(input, "min_amount_cents");
        if (input.Flag("invoiceable") == false)
            input.Refuse("invoiceable", Metric.Unbuilt);
        input.RefuseUnbuilt("filters", "tax_codes", "applied_pricing_unit", "regroup_paid_fees");
        return new Charge
        {
            Id = Guid.CreateVersion7(now),
            PlanId = planId,
            BillableMetricId = metric?.Id ?? default,
            Position = position,
            ChargeModel = model,
            InvoiceDisplayName = input.Text("invoice_display_name"),
            Properties = properties.GetRawText(),
            MetricCode = metric?.Code ?? "",
            MetricName = metric?.Name ?? "",
            Metric = metric?.Terms ?? new MetricTerms { EventCode = "", AggregationType = "" },
        };
    }

    private static void RefuseTrue(Input input, params ReadOnlySpan<string> flags)
    {
        foreach (var flag in flags)
        {
            if (input.Flag(flag) == true)
                input.Refuse(flag, Metric.Unbuilt);
        }
    }

    private static void RefuseMoreThanZero(Input input, string field)
    {
        if (input.Decimal(field) is not (null or 0))
            input.Refuse(field, Metric.Unbuilt);
    }
}
