namespace Quota.Billing.Payments;

/// <summary>What is known after a call to Stripe. Four cases, because each calls for another next step.</summary>
internal abstract record StripeReply<T>
{
    private StripeReply()
    {
    }

    /// <summary>Stripe did it and said what is.</summary>
    public sealed record Answered(T Value) : StripeReply<T>;

    /// <summary>Stripe refused for good: nothing was done, and the same again would be refused again. A code, never a message.</summary>
    public sealed record Refused(string Code) : StripeReply<T>;

    /// <summary>Nothing was done; later it may be: rate limit, wrong key, a lock.</summary>
    public sealed record NotNow(string Code) : StripeReply<T>;

    /// <summary>No answer came: it may or may not have been done.</summary>
    public sealed record Lost(string Reason) : StripeReply<T>;
}

/// <summary>What we need of a PaymentIntent.</summary>
/// <param name="Status">One of Stripe's, see <see cref="StripeTerms"/>.</param>
/// <param name="AmountReceived">In Stripe's integers.</param>
/// <param name="Error">Code of the last decline, e.g. <c>insufficient_funds</c>.</param>
internal sealed record StripeIntent(string Id, string Status, long AmountReceived, string Currency, string? Error);
