namespace Quota.Billing.Invoicing;

/// <summary>What a customer owes for one period of one subscription. A row of <c>invoices</c>; once finalized it never changes.</summary>
internal sealed record Invoice
{
    public Guid Id { get; init; }

    public Guid CustomerId { get; init; }

    public Guid SubscriptionId { get; init; }

    /// <summary>Gapless per customer, from 1; null while a draft.</summary>
    public long? SequentialId { get; init; }

    /// <summary>The customer's slug and the sequential id: <c>QTA-001-001</c>; null while a draft.</summary>
    public string? Number { get; init; }

    public string InvoiceType { get; init; } = InvoiceTypes.Subscription;

    /// <summary>One of <see cref="InvoiceState"/>.</summary>
    public required string Status { get; init; }

    /// <summary>One of <see cref="PaymentState"/>.</summary>
    public required string PaymentStatus { get; init; }

    public required string Currency { get; init; }

    public DateTimeOffset PeriodFrom { get; init; }

    public DateTimeOffset PeriodTo { get; init; }

    public long FeesAmountCents { get; init; }

    public long TotalAmountCents { get; init; }

    public DateOnly IssuingDate { get; init; }

    public DateOnly? PaymentDueDate { get; init; }

    /// <summary>End of the grace period, in which a draft takes up late usage.</summary>
    public DateTimeOffset FinalizeAfter { get; init; }

    public DateTimeOffset? FinalizedAt { get; init; }

    public DateTimeOffset CreatedAt { get; init; }

    public BillingPeriod Period => new(PeriodFrom, PeriodTo);
}

internal static class InvoiceTypes
{
    public const string Subscription = "subscription";
}

internal static class InvoiceState
{
    public const string Draft = "draft";
    public const string Finalized = "finalized";
}

internal static class PaymentState
{
    public const string Pending = "pending";
    public const string Succeeded = "succeeded";
    public const string Failed = "failed";
}
