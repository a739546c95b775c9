namespace Quota.Billing.Ledger;

/// <summary>
/// The accounts that entries are posted to, named once. Assets and expenses are debit balances, income and liabilities credit ones.
/// </summary>
internal static class LedgerAccount
{
    /// <summary>What customers owe us for finalized invoices.</summary>
    public const string Receivable = "receivable";

    /// <summary>Earned by base fees.</summary>
    public const string SubscriptionRevenue = "revenue:subscription";

    /// <summary>Earned by charges for usage.</summary>
    public const string UsageRevenue = "revenue:usage";

    /// <summary>Captured by Stripe and not yet paid out to our bank.</summary>
    public const string StripeInTransit = "stripe_in_transit";

    /// <summary>Money that came in without an open invoice to pay: owed back or to be applied.</summary>
    public const string UnappliedCash = "unapplied_cash";
}

/// <summary>What entries record. With a reference it is unique, so that nothing is posted twice.</summary>
internal static class LedgerKind
{
    /// <summary>Reference: the invoice's id.</summary>
    public const string InvoiceFinalized = "invoice_finalized";

    /// <summary>Reference: the PaymentIntent's id.</summary>
    public const string PaymentCaptured = "payment_captured";
}
