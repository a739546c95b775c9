namespace Quota.Gateway.Limits;

internal static partial class Log
{
    [LoggerMessage(1001, LogLevel.Warning, "The counter store cannot be used now: {Problem}")]
    public static partial void StoreSilent(this ILogger log, string problem);

    [LoggerMessage(1002, LogLevel.Warning, "Hold {RequestId} was reaped while its request runs and does not fit any more; its answer is held back")]
    public static partial void HoldNotRenewed(this ILogger log, Guid requestId);

    [LoggerMessage(1003, LogLevel.Information, "Reaped {Count} holds of {Org} whose gateway did not end them in time")]
    public static partial void Reaped(this ILogger log, int count, string org);

    [LoggerMessage(1004, LogLevel.Warning, "Settle of {RequestId} was not answered ({Problem}); it is sent again")]
    public static partial void SettleUnanswered(this ILogger log, Guid requestId, string problem);

    [LoggerMessage(1005, LogLevel.Error, "The counters of org {OrgId} are not believed any more (guard: {Guard}); closed until they are whole")]
    public static partial void CountersSuspect(this ILogger log, string orgId, string guard);

    [LoggerMessage(1006, LogLevel.Warning, "The counters of org {OrgId} were rebuilt from this gateway's own calls: {Entries} counters and holds")]
    public static partial void CountersRebuilt(this ILogger log, string orgId, int entries);

    [LoggerMessage(1015, LogLevel.Warning, "The counters of org {OrgId} are put together anew, generation {Generation}: {Entries} counters and holds of this gateway, {Gateways} gateways")]
    public static partial void CountersGathered(this ILogger log, string orgId, long generation, int entries, int gateways);

    [LoggerMessage(1007, LogLevel.Warning, "The counters of org {OrgId} cannot be opened yet ({Problem}: {Message})")]
    public static partial void NotReopened(this ILogger log, string orgId, string problem, string message);

    [LoggerMessage(1008, LogLevel.Error, "The counter store must not be used: {Reason}")]
    public static partial void StoreUnfit(this ILogger log, string reason);

    [LoggerMessage(1009, LogLevel.Warning, "Server {Address} is another than a second ago ({What}); the counters on it are looked at again")]
    public static partial void ServerChanged(this ILogger log, string address, string what);

    [LoggerMessage(1010, LogLevel.Information, "Limit {Limit} of {Org} has crossed {Share} of its amount")]
    public static partial void ThresholdCrossed(this ILogger log, string limit, string org, decimal? share);

    [LoggerMessage(1011, LogLevel.Error, "Call {RequestId} of {Org} used {Units} units more than was held for it on counter {Counter}")]
    public static partial void UsedOver(this ILogger log, Guid? requestId, string org, long? units, string? counter);

    [LoggerMessage(1012, LogLevel.Warning, "Facts of {Org} could not be told ({Problem}); they stay in the store until they are")]
    public static partial void FactsNotTold(this ILogger log, string org, string problem);

    [LoggerMessage(1013, LogLevel.Error, "Fact {Id} ({Kind}) was refused with {Status} and will not be told again")]
    public static partial void FactRefused(this ILogger log, string id, string kind, int status);

    [LoggerMessage(1014, LogLevel.Error, "The limiter failed on {RequestId}; the call was refused")]
    public static partial void LimiterFailed(this ILogger log, Guid requestId, Exception problem);
}
