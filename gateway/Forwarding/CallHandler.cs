using Quota.Gateway.ControlPlane;
using Quota.Gateway.Diagnostics;
using Quota.Gateway.Entitlements;
using Quota.Gateway.Keys;
using Quota.Gateway.Limits;
using Quota.Gateway.Metering;
using Quota.Gateway.Providers;
using Quota.Gateway.Spool;
using Quota.Shared.Amounts;
using Quota.Shared.Pricing;

namespace Quota.Gateway.Forwarding;

/// <summary>One call's way, in order: who, what, allowed, held, begun, forwarded; ended and settled while its last byte passes.</summary>
internal sealed class CallHandler(
    CurrentControl control, UpstreamTable upstreams, ILimiter limiter, CallSpool spool, SpoolRecovery recovery, CallRecorder recorder, CallForwarder forwarder,
    LimitsOptions limits, GatewayClock clock, GatewayMetrics metrics)
{
    public async Task HandleAsync(HttpContext context, IProviderAdapter adapter, string route)
    {
        var id = Guid.CreateVersion7(clock.GetUtcNow());
        context.Response.Headers["x-request-id"] = id.ToString();
        Refusal? refusal;
        try
        {
            refusal = await RunAsync(context, adapter, route, id);
        }
        catch (BadHttpRequestException problem) when (!context.Response.HasStarted)
        {
            refusal = problem.StatusCode == StatusCodes.Status413PayloadTooLarge
                ? new Refusal.BodyTooLarge(limits.MaxBodyBytes) : new Refusal.BadRequest(null, problem.Message);
        }
        if (refusal is null || context.Response.HasStarted)
            return;
        metrics.Refused(refusal);
        await RefusalWriter.WriteAsync(context, adapter.Refuse(refusal));
    }

    private async Task<Refusal?> RunAsync(HttpContext context, IProviderAdapter adapter, string route, Guid id)
    {
        if (control.Now is not { } state || control.IsStale)
            return new Refusal.Unavailable("control", "The gateway has no current control snapshot.", 5);
        if (state.Keys.Find(KeyReader.Read(context.Request), clock.GetUtcNow()) is not { } caller)
            return new Refusal.BadKey();

        using var body = await RequestBody.ReadAsync(context.Request, limits.MaxBodyBytes, context.RequestAborted);
        if (body is null)
            return new Refusal.BodyTooLarge(limits.MaxBodyBytes);
        var (request, mistake) = adapter.ReadRequest(body.Bytes);
        if (request is null)
            return mistake;
        if (!ModelAllowance.Allows(caller.Key.AllowedModels, request.Model))
            return new Refusal.ModelNotAllowed(request.Model);
        if (upstreams.Find(adapter.Protocol, request.Model) is not { } upstream)
            return new Refusal.UnknownModel(request.Model);
        if (state.PriceOf(adapter.Protocol, request.Model) is not { } price)
            return new Refusal.Unavailable("price", $"The price of {adapter.Protocol}/{request.Model} is not known.", 30);
        if (caller.Plan.HasMoney && price.Currency.Code != caller.Org.Currency)
            return new Refusal.Unavailable("price", $"The price of {adapter.Protocol}/{request.Model} is in {price.Currency}, the limits are in {caller.Org.Currency}.", 30);
        if ((recovery.IsDone ? spool.Refuses() : "calls of an earlier run are being recovered") is { } reason)
            return new Refusal.Unavailable("spool", $"No metered call can be written down now: {reason}.", 2);

        var bound = BoundOf(request, price.Price);
        switch (await limiter.ReserveAsync(caller.Plan, id, bound, price))
        {
            case ReserveDecision.Held held:
                return await CallAsync(context, adapter, route, request, upstream, price, caller, held.Hold, bound);
            case ReserveDecision.Refused it:
                return new Refusal.LimitReached(it.Binding, it.At, FittingOutput(it.Binding.Limit, it.Binding.Headroom, bound, price));
            case ReserveDecision.NeverFits it:
                return new Refusal.NeverFits(it.Limit, it.Requested, FittingOutput(it.Limit, it.Limit.MostAtOnce, bound, price));
            case ReserveDecision.Unavailable it:
                return new Refusal.Unavailable("limiter", $"Limits cannot be checked now: {it.Reason}.", 1);
            default:
                throw new InvalidOperationException("an unknown decision");
        }
    }

    private async Task<Refusal?> CallAsync(
        HttpContext context, IProviderAdapter adapter, string route, ProviderRequest request, Upstream upstream, PriceFunction price, CallerKey caller, Hold hold, RequestBound bound)
    {
        var begin = BeginOf(caller, adapter, route, request, upstream, price, hold, bound);
        try
        {
            await recorder.BeginAsync(begin, hold);
        }
        catch (IOException)
        {
            recorder.NotBegun(hold, limiter);
            return new Refusal.Unavailable("spool", "No metered call can be written down now: the spool's disk failed.", 2);
        }
        var call = new CallMeter(begin, hold, adapter.ReaderFor(request), recorder, clock);
        return await forwarder.ForwardAsync(context, upstream, route, request, call, hold);
    }

    private BeginRecord BeginOf(CallerKey caller, IProviderAdapter adapter, string route, ProviderRequest request, Upstream upstream, PriceFunction price, Hold hold, RequestBound bound) => new()
    {
        Id = hold.RequestId,
        At = hold.At,
        AtSource = "redis",
        OrgId = caller.Org.Id,
        Org = caller.Org.Code,
        Team = caller.Key.Team,
        User = caller.Key.User,
        KeyId = caller.Key.Id,
        Subscription = caller.Key.Subscription,
        Environment = caller.Key.Environment,
        Provider = adapter.Protocol,
        Upstream = upstream.Name,
        Route = route,
        Model = request.Model,
        Stream = request.Stream,
        StartedAt = clock.GetUtcNow(),
        Price = price.Price,
        PriceFunction = price,
        InputEstimate = Math.Min(bound.InputTokens, (request.InputBytes + CallMeter.BytesPerTokenEstimate - 1) / CallMeter.BytesPerTokenEstimate),
        OutputBound = bound.OutputTokens,
        Held = hold.Counters.FirstOrDefault(counter => counter.Limit.Terms.IsMoney) is { } money ? NanoUnits.ToText(money.Quantity, price.Currency) : null,
        Counters = [.. hold.Counters.Select(counter => new BeginCounter(counter.Key.ToString(), counter.Limit.Terms.Meter, counter.Limit.IsRate))],
    };

    /// <summary>
    /// The most the call can use. A byte-level tokenizer never makes more tokens than bytes, and the framing of messages is covered by the
    /// JSON around them; a context window bounds what bytes do not. Output: the client's own bound, else the model's, else a ceiling.
    /// </summary>
    private RequestBound BoundOf(ProviderRequest request, ModelPrice price)
    {
        var input = request.HasMedia ? price.MaxInputTokens ?? limits.MaxInputTokens : Math.Min(request.InputBytes, price.MaxInputTokens ?? long.MaxValue);
        var output = request.OutputBound ?? price.MaxOutputTokens ?? limits.MaxOutputTokens;
        return new RequestBound(input, checked(output * request.Choices));
    }

    /// <summary>How many output tokens would fit into the room with this input; null where output does not matter.</summary>
    private static long? FittingOutput(Limit limit, long room, RequestBound bound, PriceFunction price)
    {
        if (!limit.Terms.IsMoney)
            return null;
        long low = 0, high = bound.OutputTokens;
        while (low < high)
        {
            var middle = low + (high - low + 1) / 2;
            if (Fits(middle))
                low = middle;
            else
                high = middle - 1;
        }
        return low;

        bool Fits(long output)
        {
            try
            {
                return price.WorstCase(bound.InputTokens, output) <= room;
            }
            catch (OverflowException)
            {
                return false;
            }
        }
    }
}
