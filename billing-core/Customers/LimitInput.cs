using System.Text.Json;
using Quota.Billing.Http;
using Quota.Shared.ControlPlane;

namespace Quota.Billing.Customers;

/// <summary>A limit as it shall be.</summary>
internal sealed record LimitChange(string Code, LimitNode Node, string? Overrides, LimitTerms Terms, bool Enabled);

/// <summary>
/// Reads a limit that somebody sent, and notes every mistake at once: what cannot be read, then the rules of
/// <see cref="LimitTerms.Mistakes"/> for all the rest. Terms that are not enforced are refused by name, never ignored.
/// </summary>
internal static class LimitInput
{
    /// <summary>No counter reaches it; keeps the arithmetic of the checks inside a decimal.</summary>
    private const decimal MostAmount = 1_000_000_000_000_000_000m;

    /// <param name="node">Null when the scope names none; then nothing is returned.</param>
    public static LimitChange? Read(Input input, string code, LimitNode? node)
    {
        var meter = input.RequiredText("meter");
        var terms = new LimitTerms
        {
            Meter = meter,
            Amount = Bounded(input, "amount", input.RequiredDecimal("amount")),
            Currency = ReadCurrency(input, meter, node?.Customer.Currency),
            Window = ReadWindow(input),
            Mode = input.Text("mode") ?? LimitTerms.Hard,
            Selector = ReadSelector(input),
            Thresholds = input.Decimals("thresholds", LimitSelector.MostEntries),
            Hold = input.Text("hold") ?? LimitTerms.Bounded,
            Clamp = input.Flag("clamp") ?? true,
        };
        var (overrides, enabled) = (input.Text("overrides"), input.Flag("enabled") ?? true);
        RefuseMistakes(input, terms, currencyKnown: node is not null);
        if (overrides is not null && node?.Each is not null)
            input.Refuse("overrides", "an override is for one node; leave scope.each out");
        return node is null ? null : new LimitChange(code, node, overrides, terms, enabled);
    }

    /// <summary>What could not be read has a stand-in here, and rules of a stand-in are nobody's mistakes.</summary>
    private static void RefuseMistakes(Input input, LimitTerms terms, bool currencyKnown)
    {
        var unreadable = input.Validation.Details.Keys.ToHashSet();
        var silent = unreadable.ToHashSet();
        if (unreadable.Contains("meter"))
            silent.UnionWith(["amount", "currency", "hold", "window", "window.burst"]);
        if (unreadable.Contains("amount"))
            silent.Add("window.burst");
        if (unreadable.Contains("window") || unreadable.Contains("window.kind"))
            silent.UnionWith(["window", "window.kind", "window.every", "window.burst", "window.starts_on", "thresholds"]);
        if (terms.IsMoney && !currencyKnown)
            silent.UnionWith(terms.Amount > 0 ? ["currency", "amount", "window.burst"] : ["currency", "window.burst"]);
        input.Refuse(terms.Mistakes().Where(mistake => !silent.Contains(mistake.Field)));
    }

    private static decimal Bounded(Input input, string field, decimal number)
    {
        if (Math.Abs(number) <= MostAmount)
            return number;
        input.Refuse(field, Mistake.OutOfRange);
        return 1;
    }

    /// <summary>None when absent: right for concurrency, and a mistake of all other meters.</summary>
    private static LimitWindow ReadWindow(Input input)
    {
        if (input.Object("window") is not { } window)
            return LimitWindow.None;
        window.RefuseOthersThan("kind", "every", "burst", "timezone", "starts_on");
        return new LimitWindow
        {
            Kind = window.RequiredText("kind"),
            Every = window.Text("every"),
            Burst = window.Decimal("burst") is { } burst ? Bounded(window, "burst", burst) : null,
            Timezone = window.Text("timezone"),
            StartsOn = ReadStartsOn(window),
        };
    }

    /// <summary>A month's day may come as a number too.</summary>
    private static string? ReadStartsOn(Input window) =>
        window.Raw.TryGetProperty("starts_on", out var day) && day.ValueKind == JsonValueKind.Number ? day.GetRawText() : window.Text("starts_on");

    private static LimitSelector? ReadSelector(Input input)
    {
        if (input.Object("selector") is not { } selector)
            return null;
        selector.RefuseOthersThan("models", "providers", "endpoints", "environments", "tags");
        var read = new LimitSelector
        {
            Models = Texts("models"),
            Providers = Texts("providers"),
            Endpoints = Texts("endpoints"),
            Environments = Texts("environments"),
            Tags = selector.TextMap("tags", LimitSelector.MostEntries, LimitSelector.MostLength, LimitSelector.MostLength),
        };
        return read.IsEmpty ? null : read;

        IReadOnlyList<string> Texts(string field) => selector.Texts(field, LimitSelector.MostEntries, LimitSelector.MostLength);
    }

    private static string? ReadCurrency(Input input, string meter, string? orgCurrency)
    {
        var currency = input.Text("currency")?.ToUpperInvariant();
        if (Meters.IsMoney(meter))
        {
            if (currency is not null && orgCurrency is not null && currency != orgCurrency)
                input.Refuse("currency", $"'{currency}' is not the customer's currency; use {orgCurrency}");
            return orgCurrency;
        }
        if (currency is not null && meter.Length > 0)
            input.Refuse("currency", $"belongs to money limits only; meter is {meter}");
        return null;
    }
}
