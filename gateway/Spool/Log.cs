namespace Quota.Gateway.Spool;

internal static partial class Log
{
    [LoggerMessage(1201, LogLevel.Information, "Recovered {Count} calls that an earlier run left open")]
    public static partial void Recovered(this ILogger log, int count);

    [LoggerMessage(1202, LogLevel.Warning, "Recovery waits for the counter store ({Problem}); metered calls are refused until then")]
    public static partial void RecoveryWaits(this ILogger log, string problem);

    [LoggerMessage(1203, LogLevel.Warning, "Hold {RequestId} is ours, the machine was restarted, and there is neither a begin record nor a note of its call: it is charged provisionally and has no event")]
    public static partial void HoldWithoutBegin(this ILogger log, Guid requestId);

    [LoggerMessage(1204, LogLevel.Warning, "The spool is at {Percent} % of Spool__MaxBytes; at 100 % metered calls are refused. It empties as events are confirmed and calls settled")]
    public static partial void SpoolFills(this ILogger log, int percent);

    [LoggerMessage(1205, LogLevel.Information, "The spool is below 80 % of Spool__MaxBytes again")]
    public static partial void SpoolHasRoom(this ILogger log);

    [LoggerMessage(1206, LogLevel.Warning, "The machine lost its power: {Count} calls whose records went with it have their events from their holds")]
    public static partial void FoundLost(this ILogger log, int count);
}
