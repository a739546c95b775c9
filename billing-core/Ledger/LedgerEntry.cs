using Quota.Shared.Amounts;

namespace Quota.Billing.Ledger;

/// <summary>
/// One thing that happened to money: postings that sum to zero per currency. Entries are never changed; a correction is a new entry.
/// </summary>
/// <param name="Kind">One of <see cref="LedgerKind"/>.</param>
/// <param name="Reference">What caused it; the same kind and reference is posted once, however often it is tried.</param>
internal sealed record LedgerEntry(string Kind, string Reference, Guid CustomerId, IReadOnlyList<Posting> Postings)
{
    /// <summary>The period the service was rendered in, for revenue.</summary>
    public DateTimeOffset? ServiceFrom { get; init; }

    public DateTimeOffset? ServiceTo { get; init; }
}

/// <summary>One side of an entry, in minor units: debit positive, credit negative.</summary>
internal readonly record struct Posting(string Account, Currency Currency, long Amount)
{
    public static Posting Debit(string account, Currency currency, long amount) => new(account, currency, amount);

    public static Posting Credit(string account, Currency currency, long amount) => new(account, currency, checked(-amount));
}
