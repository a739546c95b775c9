using System.Text.Json;
using System.Text.Json.Nodes;
using Quota.Billing.Http;
using Quota.Shared.Amounts;
using Quota.Shared.Pricing;

namespace Quota.Billing.Customers;

/// <summary>
/// What a <c>POST /customers</c> asks for. A field that was sent is set (null: to its default), a field that was not stays as it is,
/// so the same request makes a customer and changes one.
/// </summary>
internal sealed class CustomerInput
{
    /// <summary>Text that is kept and handed back and means nothing to the product.</summary>
    public static readonly IReadOnlyList<string> DetailFields =
    [
        "firstname", "lastname", "legal_name", "legal_number", "phone", "url", "logo_url", "country",
        "address_line1", "address_line2", "city", "state", "zipcode",
    ];

    private const int MaxDays = 365;

    private readonly List<Func<Customer, Customer>> _changes = [];

    private CustomerInput(string externalId) => ExternalId = externalId;

    public string ExternalId { get; }

    public Customer ApplyTo(Customer customer) => _changes.Aggregate(customer, (current, change) => change(current));

    public static CustomerInput Read(Input input)
    {
        var read = new CustomerInput(input.RequiredText("external_id"));
        read.Set(input, "name", input.Text("name"), (customer, name) => customer with { Name = name });
        read.Set(input, "email", input.Text("email"), (customer, email) => customer with { Email = email });
        read.Set(input, "currency", ReadCurrency(input), (customer, currency) => customer with { Currency = currency ?? "USD" });
        read.Set(input, "timezone", ReadTimezone(input), (customer, zone) => customer with { Timezone = zone ?? "UTC" });
        read.Set(input, "net_payment_term", input.Whole("net_payment_term", 0, MaxDays), (customer, days) => customer with { NetPaymentTerm = (int)(days ?? 0) });
        read.Set(input, "markup", ReadMarkup(input), (customer, markup) => customer with { Markup = markup ?? 1 });
        foreach (var field in DetailFields)
            read.Set(input, field, input.Text(field), (customer, text) => customer with { Details = With(customer.Details, field, text) });
        if (input.Object("billing_configuration") is { } billing)
            read.AddBilling(billing);
        input.RefuseUnbuilt("tax_codes", "metadata", "finalize_zero_amount_invoice", "billing_entity_code");
        return read;
    }

    private void AddBilling(Input billing)
    {
        Set(billing, "invoice_grace_period", billing.Whole("invoice_grace_period", 0, MaxDays),
            (customer, days) => customer with { InvoiceGracePeriod = (int)(days ?? 0) });
        Set(billing, "payment_provider", billing.OneOf("payment_provider", "stripe"),
            (customer, provider) => customer with { PaymentProvider = provider });
        Set(billing, "provider_customer_id", billing.Text("provider_customer_id"),
            (customer, id) => customer with { ProviderCustomerId = id });
        if (billing.Flag("sync_with_provider") == true)
            billing.Refuse("sync_with_provider", "is not supported yet; make the customer at the provider and send provider_customer_id");
    }

    private void Set<T>(Input input, string field, T? value, Func<Customer, T?, Customer> change)
    {
        if (input.Mentions(field))
            _changes.Add(customer => change(customer, value));
    }

    private static string? ReadCurrency(Input input)
    {
        if (input.Text("currency") is not { } text)
            return null;
        if (Currency.TryParse(text, out var currency))
            return currency.Code;
        input.Refuse("currency", $"'{text}' is not a currency: three letters such as USD");
        return null;
    }

    private static decimal? ReadMarkup(Input input)
    {
        var markup = input.Decimal("markup");
        if (markup is { } factor && Markup.Mistake(factor) is { } problem)
            input.Refuse("markup", problem);
        return markup;
    }

    private static string? ReadTimezone(Input input)
    {
        if (input.Text("timezone") is not { } zone)
            return null;
        // Windows' own names are known to .NET too, but not to PostgreSQL nor to anybody who reads an invoice.
        if (TimeZoneInfo.TryFindSystemTimeZoneById(zone, out var found) && found.HasIanaId)
            return zone;
        input.Refuse("timezone", $"'{zone}' is not an IANA time zone such as Europe/Berlin");
        return null;
    }

    private static string With(string details, string field, string? text)
    {
        var json = JsonNode.Parse(details)!.AsObject();
        json[field] = text;
        return json.ToJsonString(JsonSerializerOptions.Default);
    }
}
