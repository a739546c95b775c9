using System.Text.Json;
using Npgsql;
using Quota.Billing.Catalog;
using Quota.Billing.Metering;
using Quota.Billing.Rating;
using Quota.Billing.Subscriptions;
using Quota.Shared.Amounts;

namespace Quota.Billing.Invoicing;

/// <summary>
/// From a subscription and a period to the lines of its invoice: the base fee by days, and each charge's quantity through its charge
/// model. Reads through the caller's connection and writes nothing; asked twice with the same events, it gives the same lines.
/// </summary>
internal sealed class InvoiceBuilder(MeterQuery meter, Rater rater)
{
    /// <summary>Seconds; a month of a large customer's events takes its time, and an invoice has it.</summary>
    private const int Patience = 600;

    /// <summary>What to answer where a caller waits for a sum that overflowed.</summary>
    public static readonly (string Field, string Problem) TooMuch = 
        ("amount_cents", "the usage is worth more than an invoice can hold; look for events with absurd quantities");

    /// <summary>The lines in their order. A charge without any event and without anything owed has none.</summary>
    public async Task<IReadOnlyList<Fee>> BuildAsync(
        NpgsqlConnection connection, Subscription subscription, Guid invoiceId, BillingPeriod period, DateTimeOffset now, CancellationToken cancel)
    {
        var fees = new List<Fee>();
        if (subscription.PlanAmountCents > 0)
            fees.Add(BaseFee(subscription, invoiceId, period, now));
        foreach (var usage in await RateChargesAsync(connection, subscription, period, cancel, Patience))
        {
            if (usage is { Units: 0, EventsCount: 0, PreciseAmount: 0 })
                continue;
            fees.Add(new Fee
            {
                Id = Guid.CreateVersion7(now),
                InvoiceId = invoiceId,
                Position = fees.Count,
                FeeType = FeeType.Charge,
                ChargeId = usage.Charge.Id,
                ItemCode = usage.Charge.MetricCode,
                ItemName = usage.Charge.InvoiceDisplayName ?? usage.Charge.MetricName,
                Units = usage.Units,
                EventsCount = usage.EventsCount,
                PreciseAmount = usage.PreciseAmount,
                AmountCents = usage.AmountCents,
                Currency = usage.Currency.Code,
                FromDate = period.From,
                ToDate = period.To,
                AmountDetails = usage.AmountDetails,
            });
        }
        return fees;
    }

    /// <summary>Every charge's usage in a period, in the plan's order; also what <c>current_usage</c> shows.</summary>
    /// <param name="patience">Seconds for each quantity; Npgsql's 30 when absent.</param>
    /// <exception cref="OverflowException">A quantity or amount is beyond what an invoice can hold.</exception>
    public async Task<IReadOnlyList<RatedCharge>> RateChargesAsync(
        NpgsqlConnection connection, Subscription subscription, BillingPeriod period, CancellationToken cancel, int? patience = null)
    {
        var currency = Currency.Parse(subscription.PlanAmountCurrency);
        var rated = new List<RatedCharge>();
        foreach (var charge in await PlanStore.ChargesAsync(connection, subscription.PlanId))
        {
            var quantity = await meter.ReadAsync(
                connection, charge.Metric, new MeterSubject(subscription.ExternalId, subscription.CustomerId), period.From, period.To, patience, cancel);
            var line = rater.Rate(charge.ChargeModel, quantity.Units, JsonElement.Parse(charge.Properties));
            var cents = Rounding.ToMinorUnits(line.Amount, currency);
            var details = AmountDetails.Write(charge.ChargeModel, line);
            rated.Add(new RatedCharge(charge, quantity.Units, quantity.EventsCount, line.Amount, cents, currency, details));
        }
        return rated;
    }

    private static Fee BaseFee(Subscription subscription, Guid invoiceId, BillingPeriod period, DateTimeOffset now)
    {
        var currency = Currency.Parse(subscription.PlanAmountCurrency);
        var (days, of) = subscription.Calendar().Share(period);
        var precise = (decimal)subscription.PlanAmountCents * days / of / currency.MinorPerMajor;
        return new Fee
        {
            Id = Guid.CreateVersion7(now),
            InvoiceId = invoiceId,
            Position = 0,
            FeeType = FeeType.Subscription,
            ItemCode = subscription.PlanCode,
            ItemName = subscription.PlanInvoiceDisplayName ?? subscription.PlanName,
            Units = 1,
            PreciseAmount = precise,
            AmountCents = Rounding.ToMinorUnits(precise, currency),
            Currency = currency.Code,
            FromDate = period.From,
            ToDate = period.To,
            AmountDetails = JsonSerializer.Serialize(new { days, days_in_period = of }),
        };
    }
}
