using Quota.Billing.Metering;

namespace Quota.Billing.Catalog;

/// <summary>What is sold: a base fee per period and charges for usage. A row of <c>plans</c> with its charges.</summary>
internal sealed record Plan
{
    public const string Monthly = "monthly";

    public Guid Id { get; init; }

    public required string Code { get; init; }

    public required string Name { get; init; }

    public string? Description { get; init; }

    public string? InvoiceDisplayName { get; init; }

    public required string Interval { get; init; }

    /// <summary>Minor units of <see cref="AmountCurrency"/>, owed per whole period.</summary>
    public long AmountCents { get; init; }

    /// <summary>Three upper-case letters; charges are in it too.</summary>
    public required string AmountCurrency { get; init; }

    public DateTimeOffset CreatedAt { get; init; }

    public IReadOnlyList<Charge> Charges { get; set; } = [];
}

/// <summary>A price for a metric's quantity. A row of <c>charges</c> with what billing needs of its metric.</summary>
internal sealed record Charge
{
    public Guid Id { get; init; }

    public Guid PlanId { get; init; }

    public Guid BillableMetricId { get; init; }

    /// <summary>Its place on invoices, from 0.</summary>
    public int Position { get; init; }

    public required string ChargeModel { get; init; }

    public string? InvoiceDisplayName { get; init; }

    /// <summary>JSON, as the client wrote it; each charge model reads its own.</summary>
    public required string Properties { get; init; }

    public required string MetricCode { get; init; }

    public required string MetricName { get; init; }

    /// <summary>How its quantity is measured.</summary>
    public required MetricTerms Metric { get; init; }
}
