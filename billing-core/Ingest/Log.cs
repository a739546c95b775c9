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
}
