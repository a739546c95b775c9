namespace Quota.Billing.Outbox;

/// <summary>Event ids 1800-1899.</summary>
internal static partial class Log
{
    [LoggerMessage(1800, LogLevel.Error, "The outbox cannot be read; trying again")]
    public static partial void PumpFailed(ILogger logger, Exception error);

    [LoggerMessage(1801, LogLevel.Warning, "{Kind} {Reference} failed at attempt {Attempts}")]
    public static partial void HandlerFailed(ILogger logger, Exception error, string kind, string reference, int attempts);

    [LoggerMessage(1802, LogLevel.Information, "{Kind} {Reference} comes again after {Delay} (attempt {Attempts}): {Reason}")]
    public static partial void Postponed(ILogger logger, string kind, string reference, int attempts, string reason, TimeSpan delay);
}
