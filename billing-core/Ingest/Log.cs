namespace Quota.Billing.Ingest;

/// <summary>Event ids 1300-1399. Never properties, bodies or names of people.</summary>
internal static partial class Log
{
    [LoggerMessage(1300, LogLevel.Information, "Partition {Name} made")]
    public static partial void PartitionMade(ILogger logger, string name);

    [LoggerMessage(1301, LogLevel.Warning, "Partition {Name} is not made: the default partition holds events of its range already, and keeps them")]
    public static partial void PartitionStaysDefault(ILogger logger, string name);

    [LoggerMessage(1302, LogLevel.Warning, "Gateway {Instance}: {Conflicts} events came again with other bytes, {Rejected} can never be stored; first: {First}")]
    public static partial void BatchHasFaults(ILogger logger, string instance, int conflicts, int rejected, string? first);

    [LoggerMessage(1303, LogLevel.Warning, "Gateway {Instance}: {Count} settled amounts are not usable and were left out")]
    public static partial void SettledUnusable(ILogger logger, string instance, int count);

    [LoggerMessage(1304, LogLevel.Information, "Usage before {Before} is told by rollups alone from now on; its events will be dropped")]
    public static partial void EventsCut(ILogger logger, DateTimeOffset before);

    [LoggerMessage(1305, LogLevel.Information, "Partition {Name} dropped")]
    public static partial void PartitionDropped(ILogger logger, string name);

    [LoggerMessage(1306, LogLevel.Warning, "Old events could not be dropped; the next look tries again")]
    public static partial void RetentionFailed(ILogger logger, Exception error);
}
