using Quota.Gateway.Diagnostics;
using Quota.Gateway.Limits.Store;
using Quota.Shared.Amounts;
using StackExchange.Redis;

namespace Quota.Gateway.Limits;

/// <summary>
/// The limiter that asks Redis for each request: one call to reserve. A store that does not answer, or that is not believed, is
/// answered by policy: closed refuses, grace admits what its bound allows, open admits.
/// </summary>
internal sealed class RedisLimiter(QuotaStore store, ReleaseQueue releases, GraceBook grace, LimitsOptions options, StoreEvents events, GatewayClock clock, GatewayMetrics metrics, ILogger<RedisLimiter> log) : ILimiter
{
    public async ValueTask<ReserveDecision> ReserveAsync(string orgId, IReadOnlyList<LimitCounter> counters, Guid requestId, Demand demand)
    {
        var started = clock.GetTimestamp();
        ReserveDecision decision;
        try
        {
            decision = await DecideAsync(orgId, counters, requestId, demand);
        }
        catch (Exception problem)
        {
            // A limiter that fails refuses. Whether anything was held is not known.
            log.LimiterFailed(requestId, problem);
            releases.Add(orgId, requestId);
            decision = new ReserveDecision.Unavailable("the limiter failed");
        }
        metrics.Decided(decision, clock.GetElapsedTime(started));
        return decision;
    }

    public void Release(Hold hold)
    {
        if (hold.IsStored)
            releases.Add(hold.OrgId, hold.RequestId);
        else
            grace.Ended(hold, null);
    }

    public async ValueTask<bool> CoverAsync(Hold hold, long outputTokens)
    {
        if (!hold.IsLost && outputTokens <= hold.CoveredTokens)
            return true;
        if (!hold.IsStored)
            return true;   // admitted whole while the store was away
        try
        {
            // A step ahead, so that the next events need no call; where that does not fit, just as far as is asked for.
            foreach (var goal in hold.IsStepwise ? new[] { Math.Min(outputTokens + options.StepTokens, hold.MostTokens), outputTokens } : [long.MaxValue])
            {
                if (await store.ExtendAsync(hold, QuantitiesFor(hold, goal)) != ExtendOutcome.Held)
                    continue;
                (hold.IsLost, hold.CoveredTokens) = (false, goal);
                return true;
            }
        }
        catch (Exception problem) when (problem is RedisException or TimeoutException or StoreClosedException)
        {
            events.Silent(problem.Message);
            return options.OnRedisDown == StoreDownPolicy.Open;
        }
        return false;
    }

    private async Task<ReserveDecision> DecideAsync(string orgId, IReadOnlyList<LimitCounter> counters, Guid requestId, Demand demand)
    {
        var ask = new Ask(counters, demand, options);
        if (ask.NeverFits() is { } never)
            return new ReserveDecision.NeverFits(never);
        try
        {
            var reply = await store.ReserveAsync(orgId, counters, requestId, ask.Held, ask.Least, ask.Most, ask.Choices, ask.Call);
            return reply.Outcome switch
            {
                StoreOutcome.Held => new ReserveDecision.Held(ask.HoldOf(orgId, requestId, reply.At, reply.Counters, reply.Output, reply.Epoch, Warnings(reply.Counters))),
                StoreOutcome.Refused => Refused(reply, ask),
                _ => new ReserveDecision.Unavailable($"limit '{counters[reply.Counter].Speaker.Code}' was not counted from the start of its window, and its use until then is not known yet"),
            };
        }
        catch (StoreClosedException problem)
        {
            return Away(orgId, requestId, ask, problem.Message);
        }
        catch (Exception problem) when (problem is RedisException or TimeoutException)
        {
            // Unknown whether the hold exists: the id is released until the store says that nothing of it is left.
            events.Silent(problem.Message);
            releases.Add(orgId, requestId);
            return Away(orgId, requestId, ask, "the counter store does not answer");
        }
    }

    private List<string> Warnings(IReadOnlyList<HeldCounter> held)
    {
        List<string>? warnings = null;
        foreach (var counter in held)
        {
            foreach (var limit in counter.Counter.Limits)
            {
                if (limit.IsHard || counter.Fits(limit))
                    continue;
                metrics.Passed(limit);
                if (limit.Terms.Mode == Shared.ControlPlane.LimitTerms.Soft)
                    (warnings ??= []).Add(LimitHeaders.Warning(limit, counter));
            }
        }
        return warnings ?? [];
    }

    /// <summary>Of the limits that it does not fit, the one that keeps it out longest.</summary>
    private static ReserveDecision.Refused Refused(StoreReserve reply, Ask ask)
    {
        var binding = -1;
        for (var i = 0; i < reply.Counters.Count; i++)
        {
            var counter = reply.Counters[i];
            if (counter.Counter.Tightest is { } limit && !counter.Fits(limit)
                && (binding < 0 || (counter.ResetsAtMs ?? long.MaxValue) > (reply.Counters[binding].ResetsAtMs ?? long.MaxValue)))
                binding = i;
        }
        if (binding < 0)
            throw new RedisException("reserve refused, yet every limit has room");
        var it = reply.Counters[binding];
        return new ReserveDecision.Refused(new LimitStanding(it.Counter.Tightest!, it.Used, it.HeldBefore, it.Quantity, it.ResetsAtMs, ask.Fitting(binding, it.Headroom)), reply.At);
    }

    private ReserveDecision Away(string orgId, Guid requestId, Ask ask, string reason)
    {
        if (options.OnRedisDown == StoreDownPolicy.Closed)
            return new ReserveDecision.Unavailable(reason);
        var now = store.NowMs;
        var held = new HeldCounter[ask.Counters.Count];
        for (var i = 0; i < held.Length; i++)
        {
            var (counter, windows) = (ask.Counters[i], ask.Counters[i].WindowsAt(now));
            held[i] = new HeldCounter(counter, windows.Current, windows.CurrentKind, ask.Held[i], ask.Units(i, ask.Most) ?? NanoUnits.Ceiling, 0, 0, null)
            {
                EndsAtMs = counter.EndAt(now),
            };
        }
        var hold = ask.HoldOf(orgId, requestId, DateTimeOffset.FromUnixTimeMilliseconds(now), held, ask.Most, epoch: null, warnings: []);
        if (options.OnRedisDown == StoreDownPolicy.Grace && !grace.TryAdmit(hold))
            return new ReserveDecision.Unavailable($"{reason}, and the grace for that is used up");
        return new ReserveDecision.Held(hold);
    }

    private static long[] QuantitiesFor(Hold hold, long outputTokens)
    {
        var quantities = new long[hold.Counters.Count];
        for (var i = 0; i < quantities.Length; i++)
        {
            var counter = hold.Counters[i];
            quantities[i] = counter.Grows ? (long)Math.Min(counter.Worst.At(outputTokens), NanoUnits.Ceiling) : counter.Quantity;
        }
        return quantities;
    }
}
