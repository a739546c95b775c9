using System.Globalization;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json;
using Quota.TestKit;
using Stripe;

namespace Quota.EndToEnd.Tests;

/// <summary>Both processes with real Redis and PostgreSQL, the demo provider, the Stripe stand-in, and an org that was made over the API.</summary>
public sealed class Product : IAsyncLifetime
{
    private readonly HttpClient _core = new();
    private readonly FakeStripeOptions _stripeOptions = new();

    public RedisServer Redis { get; private set; } = null!;

    public PostgresServer Postgres { get; private set; } = null!;

    public FakeProvider Provider { get; private set; } = null!;

    public FakeStripe Stripe { get; private set; } = null!;

    public CoreProcess Core { get; private set; } = null!;

    public GatewayProcess Gateway { get; private set; } = null!;

    /// <summary>An API key of ada, who may do 1,000,000 requests a minute.</summary>
    public string Ada { get; private set; } = "";

    /// <summary>An API key of eve, who may do 2 requests a minute.</summary>
    public string Eve { get; private set; } = "";

    public async ValueTask InitializeAsync()
    {
        (Redis, Postgres) = (await RedisServer.StartAsync(), await PostgresServer.StartAsync());
        (Provider, Stripe) = (await FakeProvider.StartAsync(), await FakeStripe.StartAsync(_stripeOptions));
        Core = await CoreProcess.StartAsync(Postgres, Stripe, _stripeOptions);
        _core.BaseAddress = new Uri(Core.Url);
        _core.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", CoreProcess.AdminKey);
        await SeedAsync();
        Gateway = await GatewayProcess.StartAsync(GatewayProcess.Upstream(Provider), Redis, new Dictionary<string, string?>
        {
            ["ControlPlane__Url"] = Core.Url,
            ["ControlPlane__Token"] = CoreProcess.GatewayToken,
        });
    }

    public async ValueTask DisposeAsync()
    {
        _core.Dispose();
        await Gateway.DisposeAsync();
        await Core.DisposeAsync();
        await Stripe.DisposeAsync();
        await Provider.DisposeAsync();
        await Postgres.DisposeAsync();
        await Redis.DisposeAsync();
    }

    public async Task<JsonElement> GetAsync(string path) => JsonElement.Parse(await _core.GetStringAsync(path));

    public async Task<JsonElement> SendAsync(HttpMethod method, string path, string? body = null)
    {
        using var request = new HttpRequestMessage(method, path) { Content = body is null ? null : new StringContent(body, null, "application/json") };
        using var response = await _core.SendAsync(request);
        var text = await response.Content.ReadAsStringAsync();
        return response.IsSuccessStatusCode
            ? text.Length == 0 ? default : JsonElement.Parse(text)
            : throw new InvalidOperationException($"{method} {path} answered {(int)response.StatusCode}: {text}");
    }

    /// <summary>Units by metric in the current period.</summary>
    public async Task<Dictionary<string, decimal>> UsageAsync() =>
        (await GetAsync("/api/v1/customers/acme/current_usage?external_subscription_id=acme-main")).GetProperty("customer_usage").GetProperty("charges_usage").EnumerateArray()
            .ToDictionary(charge => charge.GetProperty("billable_metric").GetProperty("code").GetString()!, charge => Number(charge.GetProperty("units")));

    /// <summary>Moves the test clock of both processes to just after the end of the month they are in.</summary>
    public async Task EndMonthAsync()
    {
        var now = DateTimeOffset.Parse((await GetAsync("/internal/v1/clock")).GetProperty("now").GetString()!, CultureInfo.InvariantCulture).ToUniversalTime();
        var then = new DateTimeOffset(now.Year, now.Month, 1, 0, 1, 0, TimeSpan.Zero).AddMonths(1);
        await SendAsync(HttpMethod.Put, "/internal/v1/clock", $$"""{"now":"{{then:yyyy-MM-dd'T'HH:mm:ss'Z'}}"}""");
    }

    /// <summary>used and held of a limit, as the gateway's admin port says.</summary>
    public async Task<(decimal Used, decimal Held)> StandingAsync(string code)
    {
        var answer = JsonElement.Parse(await _core.GetStringAsync(Gateway.AdminUrl + "/admin/limits"));
        var limit = answer.GetProperty("limits").EnumerateArray().Single(limit => limit.GetProperty("limit").GetString() == code);
        return (Number(limit.GetProperty("used")), Number(limit.GetProperty("held")));
    }

    public static decimal Number(JsonElement text) => decimal.Parse(text.GetString()!, CultureInfo.InvariantCulture);

    public async Task<(string Id, string Secret)> NewKeyAsync(string user, string team)
    {
        var key = (await SendAsync(HttpMethod.Post, "/api/v1/api_keys",
            $$"""{"api_key":{"external_customer_id":"acme","external_team_id":"{{team}}","external_user_id":"{{user}}","external_subscription_id":"acme-main","name":"{{user}}"} }""")).GetProperty("api_key");
        return (key.GetProperty("id").GetString()!, key.GetProperty("secret").GetString()!);
    }

    private async Task SeedAsync()
    {
        await SendAsync(HttpMethod.Post, "/api/v1/customers",
            $$$"""{"customer":{"external_id":"acme","name":"Acme Inc.","currency":"USD","timezone":"UTC","billing_configuration":{"payment_provider":"stripe","provider_customer_id":"{{{await StripeCustomerAsync()}}}"} } }""");
        foreach (var (user, team) in new[] { ("ada", "research"), ("eve", "product") })
        {
            await SendAsync(HttpMethod.Post, "/api/v1/customers/acme/teams", $$$"""{"team":{"external_id":"{{{team}}}","name":"{{{team}}}"} }""");
            await SendAsync(HttpMethod.Post, "/api/v1/customers/acme/users", $$$"""{"user":{"external_id":"{{{user}}}","external_team_id":"{{{team}}}"} }""");
        }
        await SendAsync(HttpMethod.Put, "/api/v1/prices/openai/gpt-4o-mini",
            """{"price":{"input":"0.15","cached_input":"0.075","output":"0.60","max_input_tokens":128000,"max_output_tokens":16384,"currency":"USD"}}""");
        List<string> charges = [];
        foreach (var (code, properties, model) in new[]
        {
            ("input_tokens", """{"graduated_ranges":[{"from_value":0,"to_value":10000,"per_unit_amount":"0.003","flat_amount":"0"},{"from_value":10001,"to_value":null,"per_unit_amount":"0.002","flat_amount":"0"}]}""", "graduated"),
            ("output_tokens", """{"amount":"0.01"}""", "standard"),
            ("requests", """{"amount":"0.0005"}""", "standard"),
        })
        {
            var metric = await SendAsync(HttpMethod.Post, "/api/v1/billable_metrics",
                $$$"""{"billable_metric":{"name":"{{{code}}}","code":"{{{code}}}","event_code":"llm.request","aggregation_type":"sum_agg","field_name":"{{{code}}}"} }""");
            charges.Add($$"""{"billable_metric_id":"{{metric.GetProperty("billable_metric").GetProperty("lago_id").GetString()}}","charge_model":"{{model}}","properties":{{properties}} }""");
        }
        await SendAsync(HttpMethod.Post, "/api/v1/plans",
            $$$"""{"plan":{"name":"Scale","code":"scale","interval":"monthly","amount_cents":4900,"amount_currency":"USD","pay_in_advance":false,"charges":[{{{string.Join(',', charges)}}}]} }""");
        var now = TimeProvider.System.GetUtcNow();
        await SendAsync(HttpMethod.Post, "/api/v1/subscriptions",
            $$$"""{"subscription":{"external_customer_id":"acme","plan_code":"scale","external_id":"acme-main","billing_time":"calendar","subscription_at":"{{{now:yyyy-MM}}}-01T00:00:00Z"}}""");
        await LimitAsync("acme-month", """{"external_customer_id":"acme"}""", "spend", "1000", "month");
        await LimitAsync("research-month", """{"external_customer_id":"acme","external_team_id":"research"}""", "spend", "500", "month");
        await LimitAsync("ada-rpm", """{"external_customer_id":"acme","external_user_id":"ada"}""", "requests", "1000000", "minute");
        await LimitAsync("eve-rpm", """{"external_customer_id":"acme","external_user_id":"eve"}""", "requests", "2", "minute");
        (Ada, Eve) = ((await NewKeyAsync("ada", "research")).Secret, (await NewKeyAsync("eve", "product")).Secret);
    }

    /// <summary>Makes a limit, or replaces it.</summary>
    public Task<JsonElement> LimitAsync(string code, string scope, string meter, string amount, string window) => SendAsync(HttpMethod.Post, "/api/v1/limits",
        $$$"""{"limit":{"code":"{{{code}}}","scope":{{{scope}}},"meter":"{{{meter}}}","amount":"{{{amount}}}",{{{(meter == "spend" ? "\"currency\":\"USD\"," : "")}}}"window":{{{(window == "minute" ? """{"kind":"rate","every":"minute"}""" : """{"kind":"month"}""")}}},"mode":"hard"}}""");

    private async Task<string> StripeCustomerAsync()
    {
        var client = Stripe.Client().V1;
        var customer = await client.Customers.CreateAsync(new CustomerCreateOptions { Name = "Acme Inc." });
        var card = await client.PaymentMethods.AttachAsync("pm_card_visa", new PaymentMethodAttachOptions { Customer = customer.Id });
        await client.Customers.UpdateAsync(customer.Id, new CustomerUpdateOptions { InvoiceSettings = new CustomerInvoiceSettingsOptions { DefaultPaymentMethod = card.Id } });
        return customer.Id;
    }
}
