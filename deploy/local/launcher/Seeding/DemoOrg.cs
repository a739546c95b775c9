using System.Globalization;
using System.Text.Json.Nodes;
using Quota.TestKit;
using Stripe;

namespace Quota.Local.Seeding;

/// <summary>
/// The demo org, made through the core's public API: two teams, three users, a plan, a subscription, limits and keys. Doing it again
/// changes nothing.
/// </summary>
internal sealed class DemoOrg(Uri coreUrl, FakeStripe stripe, string secretsFile)
{
    public const string Org = "acme";
    public const string Subscription = "acme-main";

    /// <summary>Users and their teams.</summary>
    private static readonly (string User, string Team)[] Users = [("ada", "research"), ("bob", "product"), ("eve", "product")];

    /// <summary>Seeds what is missing and returns the secrets with what was made: the customer at Stripe, the keys.</summary>
    public async Task<Secrets> SeedAsync(Secrets secrets)
    {
        using var core = new CoreClient(coreUrl.ToString(), secrets.AdminKey);
        secrets = await EnsureStripeCustomerAsync(secrets);
        secrets.Save(secretsFile);
        await core.PostAsync("/api/v1/customers", DemoBodies.Customer(Org, secrets.StripeCustomer!));
        foreach (var team in Users.Select(u => u.Team).Distinct())
            await core.EnsureAsync($"/api/v1/customers/{Org}/teams/{team}", $"/api/v1/customers/{Org}/teams", DemoBodies.Team(team));
        foreach (var (user, team) in Users)
            await core.EnsureAsync($"/api/v1/customers/{Org}/users/{user}", $"/api/v1/customers/{Org}/users", DemoBodies.User(user, team));

        if (await core.FindAsync("/api/v1/prices/openai/gpt-4o-mini") is null)
            await core.PutAsync("/api/v1/prices/openai/gpt-4o-mini", DemoBodies.Price());
        await SeedPlanAsync(core);
        await core.EnsureAsync($"/api/v1/subscriptions/{Subscription}", "/api/v1/subscriptions",
            DemoBodies.NewSubscription(Org, Subscription, await StartOfMonthAsync(core)));
        foreach (var limit in DemoBodies.Limits(Org))
        {
            var code = limit["limit"]!["code"]!.GetValue<string>();
            await core.EnsureAsync($"/api/v1/limits/{code}", "/api/v1/limits", limit);
        }

        foreach (var (user, team) in Users)
            secrets = await EnsureKeyAsync(core, secrets, user, team);
        return secrets;
    }

    private static async Task SeedPlanAsync(CoreClient core)
    {
        var metrics = new Dictionary<string, string>();
        foreach (var code in new[] { "input_tokens", "output_tokens", "requests" })
        {
            var found = await core.FindAsync($"/api/v1/billable_metrics/{code}")
                ?? await core.PostAsync("/api/v1/billable_metrics", DemoBodies.Metric(code));
            metrics[code] = found["billable_metric"]!["lago_id"]!.GetValue<string>();
        }

        await core.EnsureAsync("/api/v1/plans/scale", "/api/v1/plans", DemoBodies.Plan(metrics));
    }

    private async Task<Secrets> EnsureStripeCustomerAsync(Secrets secrets)
    {
        var client = stripe.Client().V1;
        if (secrets.StripeCustomer is { } known)
        {
            try
            {
                await client.Customers.GetAsync(known);
                return secrets;
            }
            catch (StripeException error) when (error.StripeError?.Code == "resource_missing")
            {
                // The stand-in's file was removed: make the customer anew.
            }
        }

        var customer = await client.Customers.CreateAsync(new CustomerCreateOptions { Name = "Acme Inc.", Email = "billing@acme.test" });
        var card = await client.PaymentMethods.AttachAsync("pm_card_visa", new PaymentMethodAttachOptions { Customer = customer.Id });
        await client.Customers.UpdateAsync(customer.Id, new CustomerUpdateOptions
        {
            InvoiceSettings = new CustomerInvoiceSettingsOptions { DefaultPaymentMethod = card.Id },
        });
        return secrets with { StripeCustomer = customer.Id };
    }

    private async Task<Secrets> EnsureKeyAsync(CoreClient core, Secrets secrets, string user, string team)
    {
        // A key whose secret is kept but which the core does not know belongs to a database that is gone.
        if (secrets.Keys.TryGetValue(user, out var kept) && await core.FindAsync($"/api/v1/api_keys/{kept.Id}") is not null)
            return secrets;
        var made = (await core.PostAsync("/api/v1/api_keys", DemoBodies.Key(Org, team, user, Subscription)))["api_key"]!;
        var keys = new Dictionary<string, DemoKey>(secrets.Keys)
        {
            [user] = new DemoKey(made["id"]!.GetValue<string>(), made["secret"]!.GetValue<string>()),
        };
        secrets = secrets with { Keys = keys };
        secrets.Save(secretsFile);
        return secrets;
    }

    private static async Task<string> StartOfMonthAsync(CoreClient core)
    {
        var reading = (await core.GetAsync("/internal/v1/clock"))["now"]!.GetValue<string>();
        var now = DateTimeOffset.Parse(reading, CultureInfo.InvariantCulture).ToUniversalTime();
        return new DateTimeOffset(now.Year, now.Month, 1, 0, 0, 0, TimeSpan.Zero).ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture);
    }
}
