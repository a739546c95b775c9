namespace Quota.Gateway.Lost;

internal static partial class Log
{
    [LoggerMessage(1701, LogLevel.Information, "{Count} calls of gateways that were declared lost have their events from their holds")]
    public static partial void EventsMade(this ILogger log, int count);

    [LoggerMessage(1702, LogLevel.Warning, "Hold {RequestId} of the lost gateway {Owner} has no note of its call, or the org is not known: its call has no event")]
    public static partial void NoEvent(this ILogger log, Guid requestId, string owner);

    [LoggerMessage(1703, LogLevel.Warning, "Calls of lost gateways wait for their events ({Problem}); tried again")]
    public static partial void SweepWaits(this ILogger log, string problem);
}
