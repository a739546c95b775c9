using StackExchange.Redis;

namespace Quota.Gateway.Limits;

/// <summary>
/// What one request holds until it is settled: its counters as the script chose them, and how much on each.
/// <see cref="At"/> is frozen: it alone chooses windows, prices and the billing period.
/// </summary>
internal sealed record Hold(Guid RequestId, string OrgId, DateTimeOffset At, IReadOnlyList<HeldCounter> Counters);

/// <summary>One counter of a hold. <paramref name="Used"/> and <paramref name="HeldBefore"/> are as the reserve saw them, without this request.</summary>
internal sealed record HeldCounter(Limit Limit, RedisKey Key, long Quantity, long Used, long HeldBefore, long ResetsAtMs)
{
    /// <summary>What is left for others after this request's hold.</summary>
    public long Remaining => Math.Max(0, Limit.MostAtOnce - Used - HeldBefore - Quantity);

    /// <summary>What is left before this request: what it had to fit into.</summary>
    public long Headroom => Math.Max(0, Limit.MostAtOnce - Used - HeldBefore);
}
