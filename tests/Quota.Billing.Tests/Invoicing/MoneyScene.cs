using System.Globalization;
using Quota.TestKit;
using Stripe;

namespace Quota.Billing.Tests.Invoicing;

/// <summary>
/// A core with one customer, two metrics and a plan (base fee $100, requests at $0.01, tokens graduated: $0.002 up to 1,000, then
/// $0.001), and if wished a Stripe stand-in where the customer has a card. Time stands at 1 March 2031 to begin with.
/// </summary>
internal sealed class MoneyScene : IAsyncDisposable
{
    public const string Customer = "acme";
    public const string Subscription = "acme-main";
    public const string Plan = "scale";

    private int _events;

    private MoneyScene(BillingApp app, FakeStripe? stripe) => (App, StripeOrNull) = (app, stripe);

    public BillingApp App { get; }

    public FakeStripe Stripe => StripeOrNull!;

    private FakeStripe? StripeOrNull { get; }

    /// <param name="card">Last part of <c>pm_card_…</c>; null leaves Stripe out altogether, empty gives the customer no card.</param>
    public static async Task<MoneyScene> StartAsync(string? card = null, string timezone = "UTC", int graceDays = 0, bool webhooks = true)
    {
        var stripe = card is null ? null : await FakeStripe.StartAsync();
        var app = await BillingApp.StartAsync(stripe is null ? null : new Dictionary<string, string?>
        {
            ["Stripe:ApiKey"] = stripe.ApiKey,
            ["Stripe:ApiBase"] = stripe.BaseUrl,
            ["Stripe:WebhookSecret"] = stripe.Webhooks.Secret,
        });
        var scene = new MoneyScene(app, stripe);
        if (stripe is not null && webhooks)
            stripe.Webhooks.Url = app.Url + "/webhooks/stripe";
        await scene.MoveClockAsync("2031-03-01T00:00:00Z");
        await scene.AddCustomerAsync(stripe is null ? null : await MakeStripeCustomerAsync(stripe, card!), timezone, graceDays);
        await scene.AddCatalogAsync();
        return scene;
    }

    public Task<JsonAnswer> MoveClockAsync(string now) => App.PutAsync("/internal/v1/clock", new { now }).ContinueWith(
        answer => answer.Result.ShouldBe(200), TaskScheduler.Default);

    public async Task<JsonAnswer> SubscribeAsync(string externalId = Subscription, string billingTime = "calendar", string at = "2031-03-01T00:00:00Z") =>
        (await App.PostAsync("/api/v1/subscriptions", new
        {
            subscription = new { external_customer_id = Customer, plan_code = Plan, external_id = externalId, billing_time = billingTime, subscription_at = at },
        })).ShouldBe(200);

    /// <summary>One event with so many tokens.</summary>
    public async Task UseAsync(string at, int tokens, string subscription = Subscription) =>
        (await App.PostAsync("/api/v1/events", new
        {
            @event = new
            {
                transaction_id = $"tx-{Interlocked.Increment(ref _events)}",
                external_subscription_id = subscription,
                code = "llm.request",
                timestamp = DateTimeOffset.Parse(at, CultureInfo.InvariantCulture).ToUnixTimeSeconds(),
                properties = new { tokens },
            },
        })).ShouldBe(200);

    /// <summary>The customer's invoices, the oldest period first, each whole.</summary>
    public async Task<IReadOnlyList<JsonAnswer>> InvoicesAsync()
    {
        var list = (await App.GetAsync($"/api/v1/invoices?external_customer_id={Customer}&per_page=100")).ShouldBe(200);
        var invoices = new List<JsonAnswer>();
        foreach (var invoice in list["invoices"].EnumerateArray().Reverse())
            invoices.Add((await App.GetAsync($"/api/v1/invoices/{invoice.GetProperty("lago_id").GetString()}")).ShouldBe(200));
        return invoices;
    }

    /// <summary>Account → amount; checks on the way that the books balance.</summary>
    public async Task<IReadOnlyDictionary<string, string>> BalancesAsync()
    {
        var answer = (await App.GetAsync("/api/v1/ledger/balances")).ShouldBe(200);
        foreach (var sum in answer["sum_by_currency"].EnumerateObject())
            sum.Value.GetString().ShouldBe("0");
        return answer["balances"].EnumerateArray().ToDictionary(row => row.GetProperty("account").GetString()!, row => row.GetProperty("amount").GetString()!);
    }

    /// <summary>Moves the clock on in small steps, so that what backs off comes again, until the invoice has this payment status.</summary>
    public async Task<JsonAnswer> UntilPaymentAsync(string status, string from)
    {
        var now = DateTimeOffset.Parse(from, CultureInfo.InvariantCulture);
        for (var step = 0; step < 30; step++)
        {
            if ((await InvoicesAsync())[0] is var invoice && invoice.At("invoice.payment_status") == status)
                return invoice;
            now = now.AddMinutes(10);
            await MoveClockAsync(now.ToString("O", CultureInfo.InvariantCulture));
        }
        throw new TimeoutException($"The invoice never became {status}: {await App.ScalarAsync<string>("select string_agg(state || ' ' || coalesce(last_error, ''), ', ') from payment_attempts")}");
    }

    public async ValueTask DisposeAsync()
    {
        await App.DisposeAsync();
        if (StripeOrNull is { } stripe)
            await stripe.DisposeAsync();
    }

    /// <summary>Another card for the customer, from now on the default one.</summary>
    public static async Task GiveCardAsync(FakeStripe stripe, string customer, string card)
    {
        var client = stripe.Client();
        var method = await client.V1.PaymentMethods.AttachAsync("pm_card_" + card, new PaymentMethodAttachOptions { Customer = customer });
        await client.V1.Customers.UpdateAsync(customer, new CustomerUpdateOptions
        {
            InvoiceSettings = new CustomerInvoiceSettingsOptions { DefaultPaymentMethod = method.Id },
        });
    }

    private static async Task<string> MakeStripeCustomerAsync(FakeStripe stripe, string card)
    {
        var customer = await stripe.Client().V1.Customers.CreateAsync(new CustomerCreateOptions { Name = "Acme" });
        if (card.Length > 0)
            await GiveCardAsync(stripe, customer.Id, card);
        return customer.Id;
    }

    private async Task AddCustomerAsync(string? stripeCustomer, string timezone, int graceDays) =>
        (await App.PostAsync("/api/v1/customers", new
        {
            customer = new
            {
                external_id = Customer,
                name = "Acme",
                currency = "USD",
                timezone,
                net_payment_term = 14,
                billing_configuration = new
                {
                    invoice_grace_period = graceDays,
                    payment_provider = stripeCustomer is null ? null : "stripe",
                    provider_customer_id = stripeCustomer,
                },
            },
        })).ShouldBe(200);

    private async Task AddCatalogAsync()
    {
        var tokens = (await App.PostAsync("/api/v1/billable_metrics", new
        {
            billable_metric = new { name = "Tokens", code = "tokens", event_code = "llm.request", aggregation_type = "sum_agg", field_name = "tokens" },
        })).ShouldBe(200);
        var requests = (await App.PostAsync("/api/v1/billable_metrics", new
        {
            billable_metric = new { name = "Requests", code = "requests", event_code = "llm.request", aggregation_type = "count_agg" },
        })).ShouldBe(200);
        (await App.PostAsync("/api/v1/plans", new
        {
            plan = new
            {
                name = "Scale", code = Plan, interval = "monthly", amount_cents = 10_000, amount_currency = "USD", pay_in_advance = false,
                charges = new object[]
                {
                    new { billable_metric_id = requests.At("billable_metric.lago_id"), charge_model = "standard", properties = new { amount = "0.01" } },
                    new
                    {
                        billable_metric_id = tokens.At("billable_metric.lago_id"), charge_model = "graduated",
                        properties = new
                        {
                            graduated_ranges = new object[]
                            {
                                new { from_value = 0, to_value = (int?)1000, per_unit_amount = "0.002", flat_amount = "0" },
                                new { from_value = 1001, to_value = (int?)null, per_unit_amount = "0.001", flat_amount = "0" },
                            },
                        },
                    },
                },
            },
        })).ShouldBe(200);
    }
}
