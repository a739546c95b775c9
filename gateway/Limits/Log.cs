namespace Quota.Gateway.Limits;

internal static partial class Log
{
    [LoggerMessage(1001, LogLevel.Warning, "The counter store does not answer ({Problem}); requests are refused until it does")]
    public static partial void StoreSilent(this ILogger log, string problem);

    [LoggerMessage(1002, LogLevel.Warning, "Hold {RequestId} was reaped while its request runs and does not fit any more; it is charged when the request ends")]
    public static partial void HoldNotRenewed(this ILogger log, Guid requestId);

    [LoggerMessage(1003, LogLevel.Information, "Reaped {Count} holds of {Org} whose gateway did not end them in time")]
    public static partial void Reaped(this ILogger log, int count, string org);

    [LoggerMessage(1004, LogLevel.Warning, "Settle of {RequestId} was not answered ({Problem}); it is sent again")]
    public static partial void SettleUnanswered(this ILogger log, Guid requestId, string problem);
}
