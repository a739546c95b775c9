using System.Text.Json;
using System.Text.Json.Serialization;

namespace Quota.Billing.Customers;

/// <summary>An org that pays, as it is stored.</summary>
internal sealed record Customer
{
    public Guid Id { get; init; }

    public string ExternalId { get; init; } = "";

    public string? Name { get; init; }

    public string? Email { get; init; }

    public string Currency { get; init; } = "USD";

    public string Timezone { get; init; } = "UTC";

    /// <summary>What it pays for a call is the price book's price times this; see <see cref="Shared.Pricing.Markup"/>.</summary>
    public decimal Markup { get; init; } = 1;

    /// <summary>Days between a period's end and its invoice's finalization.</summary>
    public int InvoiceGracePeriod { get; init; }

    /// <summary>Days that an invoice may stay unpaid.</summary>
    public int NetPaymentTerm { get; init; }

    public string? PaymentProvider { get; init; }

    /// <summary>The customer's id at the payment provider, <c>cus_…</c>.</summary>
    public string? ProviderCustomerId { get; init; }

    public long SequentialId { get; init; }

    /// <summary>JSON object of <see cref="CustomerInput.DetailFields"/>.</summary>
    public string Details { get; init; } = "{}";

    public DateTimeOffset CreatedAt { get; init; }
}

/// <summary>A customer as the API shows it, in Lago's words.</summary>
internal sealed record CustomerAnswer(
    Guid LagoId,
    long SequentialId,
    string Slug,
    string ExternalId,
    string? Name,
    string? Email,
    string Currency,
    string Timezone,
    string ApplicableTimezone,
    decimal Markup,
    int NetPaymentTerm,
    CustomerBilling BillingConfiguration,
    DateTimeOffset CreatedAt)
{
    [JsonExtensionData]
    public Dictionary<string, object> Details { get; init; } = [];

    public static CustomerAnswer Of(Customer customer) => new(
        customer.Id, customer.SequentialId, $"QTA-{customer.SequentialId:000}", customer.ExternalId, customer.Name, customer.Email,
        customer.Currency, customer.Timezone, customer.Timezone, customer.Markup, customer.NetPaymentTerm,
        new CustomerBilling(customer.InvoiceGracePeriod, customer.PaymentProvider, customer.ProviderCustomerId), customer.CreatedAt)
    {
        Details = JsonSerializer.Deserialize<Dictionary<string, object>>(customer.Details)!,
    };
}

/// <summary>How a customer is billed.</summary>
internal sealed record CustomerBilling(int InvoiceGracePeriod, string? PaymentProvider, string? ProviderCustomerId);
