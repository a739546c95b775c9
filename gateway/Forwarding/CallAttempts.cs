using Quota.Gateway.ControlPlane;
using Quota.Gateway.Keys;
using Quota.Gateway.Limits;
using Quota.Gateway.Limits.Store;
using Quota.Gateway.Metering;
using Quota.Gateway.Providers;
using Quota.Gateway.Providers.Tokens;
using Quota.Gateway.Spool;
using Quota.Shared.ControlPlane;
using Quota.Shared.Pricing;

namespace Quota.Gateway.Forwarding;

/// <summary>What a client asks for, and that it may. <paramref name="Model"/> is the routed one; the request names what the client called it.</summary>
internal sealed record AskedCall(IProviderAdapter Adapter, CallTarget Target, ProviderRequest Request, string Model, CallerKey Caller, ControlState State, Guid Id);

/// <summary>One try of a call at one upstream. The first has the request's id for its own.</summary>
internal sealed record Attempt(int Number, Guid Id, Guid RequestId, Upstream Upstream, bool IsLast);

/// <summary>
/// Sends a call to its upstreams in turn until one answers it. Each attempt is held, begun, ended and settled for itself, with an id and an
/// event of its own: what one of them billed is never lost in the next (protocols.md, B7).
/// </summary>
internal sealed class CallAttempts(ILimiter limiter, CallSpool spool, SpoolRecovery recovery, CallRecorder recorder, CallForwarder forwarder, RunningStreams streams, UpstreamPool pool, GatewayIdentity identity, LimitsOptions limits, GatewayClock clock)
{
    private readonly Func<BeginRecord, Hold, CallOutcome, ValueTask> _end = recorder.EndAsync;
    private readonly Func<BeginRecord, CallOutcome, CallOutcome, ValueTask> _correct = recorder.CorrectAsync;
    private int _counting;

    /// <summary>Null when an upstream's answer went to the client, else what to tell the client instead.</summary>
    public async Task<Refusal?> RunAsync(HttpContext context, AskedCall call, IReadOnlyList<Upstream> candidates)
    {
        for (var number = 1; ; number++)
        {
            var isLast = number == candidates.Count || call.Target.Route.StreamsBody;   // a body that is gone cannot be sent again
            var attempt = new Attempt(number, number == 1 ? call.Id : Guid.CreateVersion7(clock.GetUtcNow()), call.Id, candidates[number - 1], isLast);
            var end = await TryAsync(context, call, attempt);
            if (end.HasFailed is { } failed)
                pool.Report(attempt.Upstream, failed);
            if (isLast || end.HasFailed != true || context.Response.HasStarted || context.RequestAborted.IsCancellationRequested)
                return end.Refusal;
        }
    }

    private async Task<AttemptEnd> TryAsync(HttpContext context, AskedCall call, Attempt attempt)
    {
        var (upstream, caller) = (attempt.Upstream, call.Caller);
        if (call.State.PriceOf(upstream.Provider, call.Model, clock.GetUtcNow()) is not { } price)
            return new Refusal.Unavailable("price", $"The price of {upstream.Provider}/{call.Model} is not known.", 30);
        if (Unpriced.Find(call, $"{upstream.Provider}/{call.Model}", price) is { } unpriced)
            return new Refusal.Unavailable("price", unpriced, 30);
        if (call.State.LostAt(identity.Instance) is { } lostAt)
            return new Refusal.Unavailable("lost", $"This gateway was declared lost at {lostAt:O} and counts no more: it ships what it has left; then give it an empty spool folder.", 30);
        if ((recovery.IsDone ? spool.Refuses() : "calls of an earlier run are being recovered") is { } reason)
            return new Refusal.Unavailable("spool", $"No metered call can be written down now: {reason}.", 2);

        var (plan, demand) = (caller.Plan.For(call.Model, upstream.Provider, call.Target.Route.Kind), DemandOf(call, attempt, price));
        var decision = await limiter.ReserveAsync(caller.Org.Id, plan, attempt.Id, demand);
        if (CountsInput(decision) && Tightened(call, demand) is { } smaller)
            decision = await limiter.ReserveAsync(caller.Org.Id, plan, attempt.Id, demand = smaller);
        return decision switch
        {
            ReserveDecision.Held held => await SendAsync(context, call, attempt, held.Hold, demand),
            ReserveDecision.Refused it => new Refusal.LimitReached(it.Binding, it.At) { BudgetStatus = upstream.BudgetStatus },
            ReserveDecision.NeverFits it => new Refusal.NeverFits(it.Limit),
            ReserveDecision.Unavailable it => new Refusal.Unavailable("limiter", $"Limits cannot be checked now: {it.Reason}.", 1),
            _ => throw new InvalidOperationException("an unknown decision"),
        };
    }

    /// <summary>Whether a limit refused the call for its input, which may be less than it was taken for.</summary>
    private static bool CountsInput(ReserveDecision decision) =>
        (decision switch { ReserveDecision.Refused it => it.Binding.Limit, ReserveDecision.NeverFits it => it.Limit.Limit, _ => null })?.Terms.Meter is Meters.InputTokens or Meters.TotalTokens or Meters.Spend or Meters.Cost;

    /// <summary>The demand with its input counted by the model's tokenizer; null when that says no less.</summary>
    private Demand? Tightened(AskedCall call, Demand demand) =>
        InTurn(() => InputBound.Tight(call.Target.Route.Kind, call.Model, call.Request)) is { } tight && tight < demand.InputTokens ? demand with { InputTokens = tight, Call = demand.Call! with { InputEstimate = CallBegin.EstimateOf(tight, call.Request) } } : null;

    /// <summary>Null while half of the processors count already: who has much counted shall not have all the time there is.</summary>
    private long? InTurn(Func<long?> count)
    {
        try
        {
            return Interlocked.Increment(ref _counting) > Math.Max(1, Environment.ProcessorCount / 2) ? null : count();
        }
        finally
        {
            Interlocked.Decrement(ref _counting);
        }
    }

    private async Task<AttemptEnd> SendAsync(HttpContext context, AskedCall call, Attempt attempt, Hold hold, Demand demand)
    {
        var request = call.Adapter.Prepare(call.Request.Naming(attempt.Upstream.NameOf(call.Model)), attempt.Upstream);
        var price = call.State.PriceOf(attempt.Upstream.Provider, call.Model, hold.At) ?? demand.Price;   // the reserve's instant alone chooses it
        var begin = CallBegin.Of(call, attempt, hold, demand, price, clock.GetUtcNow());
        var meter = new CallMeter(begin, hold, call.Adapter.ReaderFor(call.Target, request, attempt.Upstream), _end, clock, tokens => limiter.CoverAsync(hold, tokens))
        {
            Correct = _correct, Running = streams, CountInput = () => InTurn(() => InputBound.Estimate(call.Target.Route.Kind, call.Model, call.Request)),
        };
        var address = attempt.Upstream.AddressOf(call.Adapter.PathFor(call.Target, attempt.Upstream.NameOf(call.Model)), call.Target.Query);
        var body = request.BodyWith(hold.ClampedTo);
        try
        {
            await recorder.BeginAsync(begin, hold);   // from here on the call must be ended: nothing after it may fail before it is forwarded
        }
        catch (IOException)
        {
            recorder.NotBegun(hold, limiter);
            return new Refusal.Unavailable("spool", "No metered call can be written down now: the spool's disk failed.", 2);
        }
        catch (StoreClosedException problem)
        {
            recorder.NotBegun(hold, limiter);
            return new Refusal.Unavailable("limiter", $"Limits cannot be checked now: {problem.Message}.", 1);
        }
        return await forwarder.ForwardAsync(context, new ForwardedCall(call.Adapter, attempt.Upstream, address, request, body, meter, hold) { RequestId = attempt.RequestId, HasNext = !attempt.IsLast });
    }

    /// <summary>
    /// The most the call can use. Input: what its grammar knows, else its bytes, else the context window. Output: the client's own bound, else the
    /// model's, else a ceiling.
    /// </summary>
    private Demand DemandOf(AskedCall call, Attempt attempt, PriceFunction price)
    {
        var (request, upstream) = (call.Request, attempt.Upstream);
        var window = price.Price.MaxInputTokens ?? (request.HasMedia ? limits.MaxInputTokens : long.MaxValue);
        var demand = new Demand
        {
            InputTokens = request.MostInputTokens ?? Math.Min(InputBound.Cheap(upstream.Provider, call.Model, request) ?? window, window),
            Choices = request.Choices,
            Output = request.OutputBound ?? price.Price.MaxOutputTokens ?? limits.MaxOutputTokens,
            IsNamed = request.OutputBound is not null,
            CanGrow = request.Stream && price.Price.HiddenOutput == false,
            Price = price,
            Markup = call.Caller.Org.Markup,
            ServiceTier = request.ServiceTier,
            WritesCache = request.WritesCache,
            WritesCacheForAnHour = request.WritesCacheForAnHour,
            HasAudio = request.HasAudio,
            HasImages = request.HasImages,
            BytesIn = request.InputBytes,
            Images = request.Images,
            Seconds = request.Seconds,
            Characters = request.Characters,
            ToolCalls = request.ToolCalls,
        };
        return demand with { Call = CallBegin.NoteOf(call, attempt, demand, price) };
    }
}
