namespace Quota.Gateway.ControlPlane;

internal static partial class Log
{
    [LoggerMessage(1101, LogLevel.Information, "Control snapshot {Version} in force: {Keys} keys, {Limits} limits")]
    public static partial void SnapshotReplaced(this ILogger log, string version, int keys, int limits);

    [LoggerMessage(1102, LogLevel.Warning, "The control snapshot could not be fetched; the last one stays in force: {Problem}")]
    public static partial void SnapshotNotFetched(this ILogger log, string problem);

    [LoggerMessage(1103, LogLevel.Warning, "The core is away: starting from the copy on disk, version {Version}, confirmed {ConfirmedAt:O}")]
    public static partial void StartedFromFile(this ILogger log, string version, DateTimeOffset confirmedAt);

    [LoggerMessage(1104, LogLevel.Error, "The copy of the control snapshot on disk cannot be used: {Problem}")]
    public static partial void SnapshotFileUnusable(this ILogger log, string problem);

    [LoggerMessage(1105, LogLevel.Information, "{File} read again")]
    public static partial void FileReread(this ILogger log, string file);

    [LoggerMessage(1106, LogLevel.Error, "{File} has mistakes; what was in force stays:\n{Mistakes}")]
    public static partial void FileHasMistakes(this ILogger log, string file, string mistakes);

    [LoggerMessage(1109, LogLevel.Warning, "What young limits had used before them could not be counted ({Problem}); it is tried again")]
    public static partial void SeedsNotCounted(this ILogger log, string problem);
}
