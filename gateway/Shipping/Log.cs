namespace Quota.Gateway.Shipping;

internal static partial class Log
{
    [LoggerMessage(1301, LogLevel.Warning, "A batch was not confirmed (try {Attempt}): {Problem}; it is sent again")]
    public static partial void ShipFailed(this ILogger log, int attempt, string problem);

    [LoggerMessage(1302, LogLevel.Error, "Event {Id} was not stored ({Status}: {Reason}); it is kept in set-aside.jsonl")]
    public static partial void NotStored(this ILogger log, Guid id, string status, string? reason);

    [LoggerMessage(1303, LogLevel.Warning, "Not everything could be shipped within {DrainTime}; the rest stays in the spool")]
    public static partial void DrainEnded(this ILogger log, TimeSpan drainTime);

    [LoggerMessage(1304, LogLevel.Error, "No event gets through (try {Attempt}): {Problem}. Look at the settings of Events and ControlPlane; events wait in the spool")]
    public static partial void ShipRefused(this ILogger log, int attempt, string problem);

    [LoggerMessage(1305, LogLevel.Error, "The progress of shipping could not be written down: {Problem}; tried again")]
    public static partial void CursorFailed(this ILogger log, string problem);
}
