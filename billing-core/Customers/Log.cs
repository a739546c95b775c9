namespace Quota.Billing.Customers;

/// <summary>Event ids 1200-1299.</summary>
internal static partial class Log
{
    [LoggerMessage(1200, LogLevel.Warning, "The seed of limit {Code} could not be summed; it is tried again")]
    public static partial void SeedNotRead(ILogger logger, string code, Exception error);

    [LoggerMessage(1201, LogLevel.Warning, "What is used of limit {Code} could not be summed within {Seconds} s; it is answered as unknown")]
    public static partial void UsageNotRead(ILogger logger, string code, int seconds);
}
