namespace Quota.Gateway.Limits;

/// <summary>
/// Decides whether a request may run. Today every decision is one call to the store; slices of limits held in memory (leases)
/// become a second implementation behind this seam.
/// </summary>
internal interface ILimiter
{
    /// <summary>Holds the worst case on every counter, all or none. Never throws for a store that is gone: policy decides.</summary>
    ValueTask<ReserveDecision> ReserveAsync(string orgId, IReadOnlyList<LimitCounter> counters, Guid requestId, Demand demand);

    /// <summary>
    /// Makes sure that a running call's hold covers this much output over all its answers. False: it does not fit, so what lies beyond
    /// must not go out.
    /// </summary>
    ValueTask<bool> CoverAsync(Hold hold, long outputTokens);

    /// <summary>Gives back a hold whose call was never sent. Returns at once; repeated in the background until the store has it.</summary>
    void Release(Hold hold);
}
