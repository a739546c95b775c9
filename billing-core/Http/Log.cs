namespace Quota.Billing.Http;

/// <summary>Event ids 1100-1199.</summary>
internal static partial class Log
{
    [LoggerMessage(1100, LogLevel.Error, "{Method} {Path} failed")]
    public static partial void Failed(ILogger logger, string method, string path, Exception error);

    [LoggerMessage(1101, LogLevel.Error, "PostgreSQL is away; {Path} was answered with 503")]
    public static partial void DatabaseAway(ILogger logger, string path, Exception error);

    [LoggerMessage(1102, LogLevel.Warning, "{Path}: a value passed validation that the database refused: {Reason}")]
    public static partial void UnfitInput(ILogger logger, string path, string reason);
}
