using Quota.Billing.Http;
using Quota.Shared.ControlPlane;

namespace Quota.Billing.Customers;

/// <summary>Reads a limit that somebody sent. Terms that are not enforced yet are refused by name, never ignored.</summary>
internal static class LimitInput
{
    /// <summary>No counter reaches it; keeps the arithmetic of the checks inside a decimal.</summary>
    private const decimal MostAmount = 1_000_000_000_000_000_000m;

    /// <param name="orgCurrency">Of the limit's customer; null when that one is not known, then money terms are not checked.</param>
    public static LimitTerms ReadTerms(Input input, string? orgCurrency)
    {
        input.RefuseUnbuilt("selector", "thresholds", "hold", "clamp", "overrides");
        var meter = input.RequiredText("meter");
        var window = ReadWindow(input.RequiredObject("window"));
        var terms = new LimitTerms
        {
            Meter = meter,
            Amount = ReadAmount(input),
            Currency = ReadCurrency(input, meter, orgCurrency),
            Window = window,
            Mode = input.Text("mode") ?? "hard",
        };
        // Only once every part could be read: else its stand-in would be reported as a second mistake.
        if (input.Validation.IsValid)
            input.Refuse(terms.Mistakes());
        return terms;
    }

    private static decimal ReadAmount(Input input)
    {
        var amount = input.RequiredDecimal("amount");
        if (Math.Abs(amount) <= MostAmount)
            return amount;
        input.Refuse("amount", Mistake.OutOfRange);
        return 0;
    }

    private static LimitWindow ReadWindow(Input window)
    {
        window.RefuseUnbuilt("starts_on");
        return new LimitWindow
        {
            Kind = window.RequiredText("kind"),
            Every = window.Text("every"),
            Burst = window.Whole("burst", 1, long.MaxValue),
            Timezone = window.Text("timezone"),
        };
    }

    private static string? ReadCurrency(Input input, string meter, string? orgCurrency)
    {
        var currency = input.Text("currency")?.ToUpperInvariant();
        if (meter != Meters.Spend)
        {
            if (currency is not null)
                input.Refuse("currency", $"belongs to money limits only; meter is {meter}");
            return null;
        }
        if (currency is not null && orgCurrency is not null && currency != orgCurrency)
            input.Refuse("currency", $"'{currency}' is not the customer's currency; use {orgCurrency}");
        return orgCurrency;
    }
}
