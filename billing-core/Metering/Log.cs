namespace Quota.Billing.Metering;

/// <summary>Event ids 1400-1449. Never properties.</summary>
internal static partial class Log
{
    [LoggerMessage(1400, LogLevel.Information, "Rollup {Id} is ready: {Events} events in {Took}")]
    public static partial void RollupBuilt(ILogger logger, int id, long events, TimeSpan took);

    [LoggerMessage(1401, LogLevel.Warning, "Rollups could not be built; usage is read from events until they are")]
    public static partial void RollupsNotBuilt(ILogger logger, Exception error);

    [LoggerMessage(1402, LogLevel.Error, "Rollup {Id} differs from its events in {Differences} of {Rows} rows")]
    public static partial void RollupDiffers(ILogger logger, int id, long differences, long rows);
}
