namespace Quota.Billing.Invoicing;

/// <summary>Event ids 1700-1799.</summary>
internal static partial class Log
{
    [LoggerMessage(1700, LogLevel.Information, "Drafted invoice {Invoice} of subscription {Subscription} for {From} to {To}")]
    public static partial void Drafted(ILogger logger, Guid invoice, string subscription, DateTimeOffset from, DateTimeOffset to);

    [LoggerMessage(1701, LogLevel.Information, "Finalized invoice {Number}: {AmountCents} {Currency} minor units")]
    public static partial void Finalized(ILogger logger, string number, long amountCents, string currency);

    [LoggerMessage(1702, LogLevel.Error, "No invoice for subscription {Subscription}; the next run tries again")]
    public static partial void DraftFailed(ILogger logger, Exception error, string subscription);

    [LoggerMessage(1703, LogLevel.Error, "Invoice {Invoice} stays a draft; the next run tries again")]
    public static partial void FinalizeFailed(ILogger logger, Exception error, Guid invoice);

    [LoggerMessage(1704, LogLevel.Error, "The invoice run broke off; trying again")]
    public static partial void RunFailed(ILogger logger, Exception error);
}
