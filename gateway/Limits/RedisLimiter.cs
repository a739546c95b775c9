using Quota.Shared.Pricing;
using StackExchange.Redis;

namespace Quota.Gateway.Limits;

/// <summary>The limiter that asks Redis for each request: one call to reserve. A store that does not answer refuses.</summary>
internal sealed class RedisLimiter(QuotaStore store, ReleaseQueue releases, ILogger<RedisLimiter> log) : ILimiter
{
    public async ValueTask<ReserveDecision> ReserveAsync(LimitPlan plan, Guid requestId, RequestBound bound, PriceFunction price)
    {
        var quantities = new long[plan.Limits.Count];
        for (var i = 0; i < quantities.Length; i++)
        {
            var limit = plan.Limits[i];
            quantities[i] = WorstCase(limit, bound, price);
            if (quantities[i] > limit.MostAtOnce)
                return new ReserveDecision.NeverFits(limit, quantities[i]);
        }
        try
        {
            return await store.ReserveAsync(plan, requestId, quantities);
        }
        catch (Exception problem) when (problem is RedisException or TimeoutException)
        {
            // Unknown whether the hold exists: the id is released until the store says that nothing of it is left.
            log.StoreSilent(problem.GetType().Name);
            releases.Add(plan.OrgId, requestId);
            return new ReserveDecision.Unavailable("the counter store does not answer");
        }
    }

    public void Release(Hold hold) => releases.Add(hold.OrgId, hold.RequestId);

    private static long WorstCase(Limit limit, RequestBound bound, PriceFunction price)
    {
        try
        {
            return limit.Kind.WorstCase(bound, price);
        }
        catch (OverflowException)
        {
            return long.MaxValue;   // beyond every counter, so beyond every limit
        }
    }
}
