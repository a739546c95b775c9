using Quota.Billing.Catalog;
using Quota.Shared.Amounts;

namespace Quota.Billing.Invoicing;

/// <summary>One line of an invoice. A row of <c>fees</c>.</summary>
internal sealed record Fee
{
    public Guid Id { get; init; }

    public Guid InvoiceId { get; init; }

    /// <summary>Its place on the invoice, from 0.</summary>
    public int Position { get; init; }

    /// <summary>One of <see cref="FeeType"/>.</summary>
    public required string FeeType { get; init; }

    public Guid? ChargeId { get; init; }

    public required string ItemCode { get; init; }

    public required string ItemName { get; init; }

    /// <summary>
    /// What was metered. Below 0 where corrections outweigh usage: the line shows it, as Lago's do, and is worth what 0 units are. What the
    /// customer is owed back is a credit note's, never a line's.
    /// </summary>
    public decimal Units { get; init; }

    public long EventsCount { get; init; }

    /// <summary>Major units, exact.</summary>
    public decimal PreciseAmount { get; init; }

    /// <summary>Minor units: the precise amount rounded, the only time anything is.</summary>
    public long AmountCents { get; init; }

    public required string Currency { get; init; }

    public DateTimeOffset FromDate { get; init; }

    public DateTimeOffset ToDate { get; init; }

    /// <summary>JSON: the steps of the charge model.</summary>
    public required string AmountDetails { get; init; }
}

internal static class FeeType
{
    /// <summary>The plan's base fee.</summary>
    public const string Subscription = "subscription";

    /// <summary>Usage of one charge.</summary>
    public const string Charge = "charge";
}

/// <summary>What a charge's usage in a period is worth. <see cref="Units"/> as in <see cref="Fee.Units"/>.</summary>
internal sealed record RatedCharge(
    Charge Charge, decimal Units, long EventsCount, decimal PreciseAmount, long AmountCents, Currency Currency, string AmountDetails);
