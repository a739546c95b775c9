using System.Globalization;
using System.Text.Json.Nodes;
using Quota.Local.Seeding;
using Quota.TestKit;

namespace Quota.Local.Demo;

/// <summary>What the core, the provider and Stripe's stand-in say, read over HTTP.</summary>
internal sealed class Books(CoreClient core, HttpClient outside, Ports ports)
{
    private static readonly TimeSpan UsageBound = TimeSpan.FromMinutes(3);
    private static readonly TimeSpan PaymentBound = TimeSpan.FromMinutes(1);

    public async Task<Units> ProviderAsync() => Units.FromProvider(await OutsideAsync(ports.Provider, "/_log/totals"));

    public async Task<Units> UsageAsync() => Units.FromUsage(await core.GetAsync(
        $"/api/v1/customers/{DemoOrg.Org}/current_usage?external_subscription_id={DemoOrg.Subscription}"));

    /// <summary>Waits until at least the expected units are metered; returns what is metered then, or at the end of the bound.</summary>
    public async Task<Units> UsageOfAsync(Units expected)
    {
        Units usage = default;
        try
        {
            // All three: events that arrive while the core answers may be in one quantity and not yet in another.
            await Eventually.TrueAsync("every event has reached the core", async () => (usage = await UsageAsync()).Covers(expected), UsageBound);
        }
        catch (TimeoutException)
        {
            // The report says what is missing.
        }

        return usage;
    }

    /// <summary>Moves the core's clock to a minute after the end of its current month and returns that time.</summary>
    public async Task<DateTimeOffset> EndMonthAsync()
    {
        var reading = (await core.GetAsync("/internal/v1/clock"))["now"]!.GetValue<string>();
        var now = DateTimeOffset.Parse(reading, CultureInfo.InvariantCulture).ToUniversalTime();
        var then = new DateTimeOffset(now.Year, now.Month, 1, 0, 1, 0, TimeSpan.Zero).AddMonths(1);
        var text = then.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture);
        await core.PutAsync("/internal/v1/clock", new JsonObject { ["now"] = text });
        return then;
    }

    /// <summary>Ids of the org's invoices.</summary>
    public async Task<HashSet<string>> InvoiceIdsAsync()
    {
        var page = await core.GetAsync($"/api/v1/invoices?external_customer_id={DemoOrg.Org}&per_page=100");
        return [.. page["invoices"]!.AsArray().Select(i => i!["lago_id"]!.GetValue<string>())];
    }

    /// <summary>The one invoice that was not there before, once it is paid or the bound is over; null when there is none or several.</summary>
    public async Task<JsonObject?> NewInvoiceAsync(HashSet<string> before)
    {
        JsonObject? invoice = null;
        try
        {
            await Eventually.TrueAsync("the invoice is paid", async () =>
            {
                var made = (await InvoiceIdsAsync()).Except(before).ToList();
                invoice = made.Count == 1 ? (await core.GetAsync($"/api/v1/invoices/{made[0]}"))["invoice"]!.AsObject() : null;
                return invoice?["payment_status"]?.GetValue<string>() == "succeeded";
            }, PaymentBound);
        }
        catch (TimeoutException)
        {
            // The report says how far it came.
        }

        return invoice;
    }

    /// <summary>Charges at the Stripe stand-in: how many, and their sum in minor units.</summary>
    public async Task<(int Count, long Amount)> CapturesAsync()
    {
        var captures = (await OutsideAsync(ports.Stripe, "/_log/captures"))["captures"]!.AsArray();
        return (captures.Count, captures.Sum(c => c!["amount"]!.GetValue<long>()));
    }

    /// <summary>The sum of all ledger postings per currency, as the core states it.</summary>
    public async Task<JsonObject> LedgerSumsAsync() => (await core.GetAsync("/api/v1/ledger/balances"))["sum_by_currency"]!.AsObject();

    private async Task<JsonObject> OutsideAsync(int port, string path) =>
        JsonNode.Parse(await outside.GetStringAsync(new Uri(Ports.Url(port) + path)))!.AsObject();
}
