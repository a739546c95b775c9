namespace Quota.Billing.Payments;

/// <summary>Event ids 1900-1999. Ids and codes only: no keys, no card data, no messages of Stripe's.</summary>
internal static partial class Log
{
    [LoggerMessage(1900, LogLevel.Warning, "Stripe__ApiKey is not set: invoices are not collected; what is owed waits in the outbox")]
    public static partial void CollectionOff(ILogger logger);

    [LoggerMessage(1901, LogLevel.Warning, "Stripe__WebhookSecret is not set: webhooks are refused, payments are learned of by asking")]
    public static partial void WebhooksOff(ILogger logger);

    [LoggerMessage(1902, LogLevel.Information, "Collecting through {ApiBase}")]
    public static partial void CollectionOn(ILogger logger, string apiBase);

    [LoggerMessage(1910, LogLevel.Information, "{PaymentIntent} is {Status} at Stripe; the attempt is {State}")]
    public static partial void Applied(ILogger logger, string paymentIntent, string status, string state);

    [LoggerMessage(1911, LogLevel.Warning, "Attempt {Attempt} of invoice {Number} failed: {Code}")]
    public static partial void Failed(ILogger logger, Guid attempt, string? number, string code);

    [LoggerMessage(1912, LogLevel.Error,
        "{PaymentIntent} brought {Amount} {Currency} (minor units) that invoice {Number} does not owe: unapplied cash, to be paid back or applied")]
    public static partial void Unapplied(ILogger logger, string paymentIntent, string? number, long amount, string currency);

    [LoggerMessage(1920, LogLevel.Information, "Webhook {Event} {Type}, new: {Added}")]
    public static partial void Received(ILogger logger, string @event, string type, bool added);

    [LoggerMessage(1921, LogLevel.Warning, "A webhook with a bad signature was refused")]
    public static partial void BadSignature(ILogger logger);
}
