namespace Quota.Billing.Payments;

/// <summary>Stripe's own strings, named once.</summary>
internal static class StripeTerms
{
    public const string SignatureHeader = "Stripe-Signature";
    public const string CardType = "card";
    public const string NeverRedirect = "never";

    /// <summary>Metadata keys on our PaymentIntents, for whoever looks at Stripe's dashboard.</summary>
    public const string InvoiceKey = "quota_invoice_id";
    public const string AttemptKey = "quota_attempt_id";

    /// <summary>Webhook types that begin so are about a PaymentIntent.</summary>
    public const string PaymentIntentEvents = "payment_intent.";

    /// <summary>PaymentIntent statuses.</summary>
    public const string RequiresPaymentMethod = "requires_payment_method";
    public const string RequiresConfirmation = "requires_confirmation";
    public const string RequiresAction = "requires_action";
    public const string RequiresCapture = "requires_capture";
    public const string Processing = "processing";
    public const string Succeeded = "succeeded";
    public const string Canceled = "canceled";
}
