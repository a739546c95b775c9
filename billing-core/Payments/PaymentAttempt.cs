namespace Quota.Billing.Payments;

/// <summary>
/// One try to collect an invoice: exactly one PaymentIntent, created unconfirmed, its id stored, then that id confirmed. A row of
/// <c>payment_attempts</c> with what collecting needs of its invoice and customer.
/// </summary>
internal sealed record PaymentAttempt
{
    public Guid Id { get; init; }

    public Guid InvoiceId { get; init; }

    public Guid CustomerId { get; init; }

    /// <summary>The customer at Stripe, <c>cus_…</c>.</summary>
    public string? ProviderCustomerId { get; init; }

    public string? InvoiceNumber { get; init; }

    /// <summary>Counts an invoice's attempts from 1.</summary>
    public int Number { get; init; }

    /// <summary>One of <see cref="AttemptState"/>.</summary>
    public required string State { get; init; }

    public int Rank { get; init; }

    /// <summary>Our minor units, as the invoice has them.</summary>
    public long AmountCents { get; init; }

    public required string Currency { get; init; }

    public string? PaymentIntentId { get; init; }

    /// <summary>Chosen once, so that a create sent again is the same create.</summary>
    public string? PaymentMethodId { get; init; }

    public string? LastError { get; init; }

    public bool IsOver => State is AttemptState.Succeeded or AttemptState.Canceled;
}

/// <summary>
/// planned → creating → created → confirming → {processing, needs_customer} → {succeeded, canceled}. Each state has a rank and an
/// attempt's rank only rises, so news that comes late or twice changes nothing. <c>unknown</c> is a lost answer: it has the rank of
/// the step whose answer was lost.
/// </summary>
internal static class AttemptState
{
    public const string Planned = "planned";
    public const string Creating = "creating";
    public const string Created = "created";
    public const string Confirming = "confirming";
    public const string Processing = "processing";

    /// <summary>Declined, or the bank wants the customer: somebody with an old payment page could still pay it, so it is not over.</summary>
    public const string NeedsCustomer = "needs_customer";
    public const string Unknown = "unknown";
    public const string Succeeded = "succeeded";

    /// <summary>Over at Stripe without a charge; only now may a next attempt be planned.</summary>
    public const string Canceled = "canceled";

    public const int UnderWay = 50;

    /// <summary>The rank of every state but <see cref="Unknown"/>.</summary>
    public static int RankOf(string state) => state switch
    {
        Planned => 0,
        Creating => 10,
        Created => 20,
        Confirming => 30,
        Processing or NeedsCustomer => UnderWay,
        Canceled => 90,
        Succeeded => 100,
        _ => throw new ArgumentOutOfRangeException(nameof(state), state, "has no rank of its own"),
    };
}
