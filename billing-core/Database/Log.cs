namespace Quota.Billing.Database;

/// <summary>Event ids 1000-1099.</summary>
internal static partial class Log
{
    [LoggerMessage(1000, LogLevel.Information, "Applying migration {Name}")]
    public static partial void Applying(ILogger logger, string name);

    [LoggerMessage(1001, LogLevel.Information, "Schema is current: {Count} migrations")]
    public static partial void SchemaCurrent(ILogger logger, int count);
}
