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
        var worst = new WorstCase[counters.Count];
        var stepwise = false;
        for (var i = 0; i < worst.Length; i++)
        {
            worst[i] = counters[i].Kind.WorstCase(demand);
            if (demand.CanGrow && counters[i].Stepwise && worst[i].PerOutputToken > 0)
            {
                // Input and one step; the rest is asked for while text flows.
                worst[i] = new WorstCase(worst[i].Fixed + worst[i].PerOutputToken * Math.Min(options.StepTokens, demand.Output * demand.Choices), 0);
                stepwise = true;
            }
        }
        var (least, most, never) = Range(counters, worst, demand);
        if (never is not null)
            return never;
        try
        {
            var reply = await store.ReserveAsync(orgId, counters, requestId, worst, least, most, demand.Choices);
            return reply.Outcome switch
            {
                StoreOutcome.Held => Held(orgId, requestId, reply, demand, stepwise),
                StoreOutcome.Refused => Refused(reply, demand),
                _ => new ReserveDecision.Unavailable($"limit '{counters[reply.Counter].Speaker.Code}' was not counted from the start of its window, and its use until then is not known yet"),
            };
        }
        catch (StoreClosedException problem)
        {
            return Away(orgId, requestId, counters, worst, most, demand, problem.Message);
        }
        catch (Exception problem) when (problem is RedisException or TimeoutException)
        {
            // Unknown whether the hold exists: the id is released until the store says that nothing of it is left.
            events.Silent(problem.Message);
            releases.Add(orgId, requestId);
            return Away(orgId, requestId, counters, worst, most, demand, "the counter store does not answer");
        }
    }

    /// <summary>The least and most output of each answer to ask for, or the limit that not even the least can ever fit.</summary>
    private (long Least, long Most, ReserveDecision? Never) Range(IReadOnlyList<LimitCounter> counters, WorstCase[] worst, Demand demand)
    {
        var (least, most) = (demand.Output, demand.Output);
        for (var i = 0; i < worst.Length; i++)
        {
            // What a clamped answer may have at most under this limit, were it empty.
            if (demand.IsNamed || !counters[i].MayClamp || worst[i].PerOutputToken == 0)
                continue;
            least = Math.Min(least, options.ClampFloor);
            var fitting = decimal.Floor((counters[i].Tightest!.MostAtOnce - worst[i].Fixed) / (worst[i].PerOutputToken * demand.Choices));
            most = (long)Math.Clamp(fitting, least, most);
        }
        for (var i = 0; i < worst.Length; i++)
        {
            var needed = Needed(worst[i], least, demand.Choices);
            var cap = counters[i].Tightest?.MostAtOnce ?? NanoUnits.Ceiling - 1;
            if (needed is null || needed > cap || Needed(worst[i], most, demand.Choices) is null)
                return (least, most, new ReserveDecision.NeverFits(new LimitStanding(counters[i].Speaker, 0, 0, needed, null, Fitting(counters[i].Kind.WorstCase(demand), cap, demand)) { IsCounted = false }));
        }
        return (least, most, null);
    }

    private ReserveDecision.Held Held(string orgId, Guid requestId, StoreReserve reply, Demand demand, bool stepwise)
    {
        var held = reply.Counters;
        if (stepwise)
            held = [.. held.Select(counter => demand.CanGrow && counter.Counter.Stepwise && counter.Counter.Kind.WorstCase(demand) is { PerOutputToken: > 0 } whole ? counter with { Worst = whole, Grows = true } : counter)];
        return new ReserveDecision.Held(new Hold(requestId, orgId, reply.At, held)
        {
            Epoch = reply.Epoch,
            ClampedTo = ClampedTo(held, reply.Output, demand),
            Warnings = Warnings(held),
            IsStepwise = stepwise,
            MostTokens = (ClampedTo(held, reply.Output, demand) ?? demand.Output) * demand.Choices,
            CoveredTokens = stepwise ? Math.Min(options.StepTokens, demand.Output * demand.Choices) : long.MaxValue,
        });
    }

    /// <summary>A bound is inserted when less than the model's maximum was held, or when the model's maximum is not known.</summary>
    private static long? ClampedTo(IReadOnlyList<HeldCounter> held, long output, Demand demand)
    {
        if (demand.IsNamed || (output == demand.Output && demand.Price.Price.MaxOutputTokens is not null))
            return null;
        foreach (var counter in held)
        {
            if (counter.Counter.IsHard && counter.Worst.PerOutputToken > 0)
                return output;
        }
        return null;
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
    private static ReserveDecision.Refused Refused(StoreReserve reply, Demand demand)
    {
        HeldCounter? binding = null;
        foreach (var counter in reply.Counters)
        {
            if (counter.Counter.Tightest is { } limit && !counter.Fits(limit) && (binding is null || (counter.ResetsAtMs ?? long.MaxValue) > (binding.ResetsAtMs ?? long.MaxValue)))
                binding = counter;
        }
        if (binding is null)
            throw new RedisException("reserve refused, yet every limit has room");
        var fits = Fitting(binding.Counter.Kind.WorstCase(demand), binding.Headroom, demand);
        return new ReserveDecision.Refused(new LimitStanding(binding.Counter.Tightest!, binding.Used, binding.HeldBefore, binding.Quantity, binding.ResetsAtMs, fits), reply.At);
    }

    private ReserveDecision Away(string orgId, Guid requestId, IReadOnlyList<LimitCounter> counters, WorstCase[] worst, long most, Demand demand, string reason)
    {
        if (options.OnRedisDown == StoreDownPolicy.Closed)
            return new ReserveDecision.Unavailable(reason);
        var now = store.NowMs;
        var held = new HeldCounter[counters.Count];
        for (var i = 0; i < held.Length; i++)
        {
            var (counter, windows) = (counters[i], counters[i].WindowsAt(now));
            held[i] = new HeldCounter(counter, windows.Current, windows.CurrentKind, worst[i], Needed(worst[i], most, demand.Choices) ?? NanoUnits.Ceiling, 0, 0, null)
            {
                EndsAtMs = counter.IsCalendar && windows.Middle != long.MaxValue ? windows.Middle : null,
            };
        }
        var hold = new Hold(requestId, orgId, DateTimeOffset.FromUnixTimeMilliseconds(now), held) { IsStored = false, ClampedTo = ClampedTo(held, most, demand) };
        if (options.OnRedisDown == StoreDownPolicy.Grace && !grace.TryAdmit(hold))
            return new ReserveDecision.Unavailable($"{reason}, and the grace for that is used up");
        return new ReserveDecision.Held(hold);
    }

    /// <summary>Whole units for this much output of each answer; null when no counter can hold it.</summary>
    private static long? Needed(WorstCase worst, long output, long choices)
    {
        try
        {
            var needed = worst.At((decimal)output * choices);
            return needed < NanoUnits.Ceiling ? (long)needed : null;
        }
        catch (OverflowException)
        {
            return null;
        }
    }

    /// <summary>The most output tokens of each answer that fit into the room with this input; null where output does not matter.</summary>
    private static long? Fitting(WorstCase worst, long room, Demand demand) =>
        worst.Fitting(room) is { } tokens ? (long)Math.Clamp(decimal.Floor(tokens / demand.Choices), 0, demand.Output) : null;

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
