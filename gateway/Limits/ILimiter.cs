using Quota.Shared.Pricing;

namespace Quota.Gateway.Limits;

/// <summary>
/// Decides whether a request may run. Today every decision is one call to the store; slices of limits held in memory (leases)
/// become a second implementation behind this seam.
/// </summary>
internal interface ILimiter
{
    /// <summary>Holds the worst case on every limit of the plan, all or none. Never throws for a store that is gone: that refuses.</summary>
    ValueTask<ReserveDecision> ReserveAsync(LimitPlan plan, Guid requestId, RequestBound bound, PriceFunction price);

    /// <summary>Gives back a hold whose call was never sent. Returns at once; repeated in the background until the store has it.</summary>
    void Release(Hold hold);
}
