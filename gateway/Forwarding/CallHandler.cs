using Quota.Gateway.ControlPlane;
using Quota.Gateway.Diagnostics;
using Quota.Gateway.Entitlements;
using Quota.Gateway.Keys;
using Quota.Gateway.Limits;
using Quota.Gateway.Limits.Store;
using Quota.Gateway.Metering;
using Quota.Gateway.Providers;
using Quota.Gateway.Spool;
using Quota.Shared.Amounts;
using Quota.Shared.Pricing;

namespace Quota.Gateway.Forwarding;

/// <summary>One call's way, in order: who, what, allowed, held, begun, forwarded; ended and settled while its last byte passes.</summary>
internal sealed class CallHandler(
    CurrentControl control, UpstreamTable upstreams, ILimiter limiter, CallSpool spool, SpoolRecovery recovery, CallRecorder recorder, CallForwarder forwarder, FreeCall free,
    LimitsOptions limits, GatewayClock clock, GatewayMetrics metrics)
{
    /// <param name="isFree">The provider answers it for nothing: only whose key it is, and whether that may use the model, is asked.</param>
    public async Task HandleAsync(HttpContext context, IProviderAdapter adapter, string route, bool isFree)
    {
        var id = Guid.CreateVersion7(clock.GetUtcNow());
        context.Response.Headers["x-request-id"] = id.ToString();
        Refusal? refusal;
        try
        {
            refusal = await RunAsync(context, adapter, route, isFree, id);
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

    private async Task<Refusal?> RunAsync(HttpContext context, IProviderAdapter adapter, string route, bool isFree, Guid id)
    {
        if (control.Now is not { } state || control.IsStale)
            return new Refusal.Unavailable("control", "The gateway has no current control snapshot.", 5);
        if (state.Keys.Find(KeyReader.Read(context.Request), clock.GetUtcNow()) is not { } caller)
            return new Refusal.BadKey();

        using var body = await RequestBody.ReadAsync(context.Request, limits.MaxBodyBytes, context.RequestAborted);
        if (body is null)
            return new Refusal.BodyTooLarge(limits.MaxBodyBytes);
        if (isFree)
            return await free.RunAsync(context, adapter, route, caller, body.Bytes, id);
        var (request, mistake) = adapter.ReadRequest(route, body.Bytes, context.Request.Headers);
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
        if (request.WritesCache && price.Price.CacheWrite is null || request.WritesCacheForAnHour && price.Price.CacheWrite1h is null)
            return new Refusal.Unavailable("price", $"What {adapter.Protocol}/{request.Model} costs to write to a cache{(request.WritesCacheForAnHour ? " for an hour" : "")} is not known.", 30);
        if ((recovery.IsDone ? spool.Refuses() : "calls of an earlier run are being recovered") is { } reason)
            return new Refusal.Unavailable("spool", $"No metered call can be written down now: {reason}.", 2);

        var demand = DemandOf(request, price);
        switch (await limiter.ReserveAsync(caller.Org.Id, caller.Plan.For(request.Model, adapter.Protocol, adapter.EndpointKind(route)), id, demand))
        {
            case ReserveDecision.Held held:
                return await CallAsync(context, adapter, route, request, upstream, caller, held.Hold, demand);
            case ReserveDecision.Refused it:
                return new Refusal.LimitReached(it.Binding, it.At);
            case ReserveDecision.NeverFits it:
                return new Refusal.NeverFits(it.Limit);
            case ReserveDecision.Unavailable it:
                return new Refusal.Unavailable("limiter", $"Limits cannot be checked now: {it.Reason}.", 1);
            default:
                throw new InvalidOperationException("an unknown decision");
        }
    }

    private async Task<Refusal?> CallAsync(
        HttpContext context, IProviderAdapter adapter, string route, ProviderRequest request, Upstream upstream, CallerKey caller, Hold hold, Demand demand)
    {
        var begin = BeginOf(caller, adapter, route, request, upstream, hold, demand);
        try
        {
            await recorder.BeginAsync(begin, hold);
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
        var meter = new CallMeter(begin, hold, adapter.ReaderFor(route, request), recorder.EndAsync, clock, tokens => limiter.CoverAsync(hold, tokens));
        return await forwarder.ForwardAsync(context, new ForwardedCall(adapter, upstream, route, request, meter, hold, hold.ClampedTo, hold.Warnings));
    }

    private BeginRecord BeginOf(CallerKey caller, IProviderAdapter adapter, string route, ProviderRequest request, Upstream upstream, Hold hold, Demand demand) => new()
    {
        Id = hold.RequestId,
        At = hold.At,
        AtSource = hold.IsStored ? "redis" : "gateway",
        IsHeld = hold.IsStored,
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
        Tags = caller.Key.Tags.Count > 0 ? caller.Key.Tags : null,
        Price = demand.Price.Price,
        PriceFunction = demand.Price,
        InputEstimate = Math.Min(demand.InputTokens, (request.InputBytes + CallMeter.BytesPerTokenEstimate - 1) / CallMeter.BytesPerTokenEstimate),
        OutputBound = (hold.ClampedTo ?? demand.Output) * demand.Choices,
        BytesIn = demand.BytesIn,
        Images = demand.Images,
        Held = HeldMoney(hold, demand.Price),
        Counters = CountersOf(hold),
    };

    private static string? HeldMoney(Hold hold, PriceFunction price)
    {
        foreach (var counter in hold.Counters)
        {
            if (counter.Counter.Terms.IsMoney)
                return NanoUnits.ToText(counter.Quantity, price.Currency);
        }
        return null;
    }

    private static BeginCounter[] CountersOf(Hold hold)
    {
        var counters = new BeginCounter[hold.Counters.Count];
        for (var i = 0; i < counters.Length; i++)
        {
            var held = hold.Counters[i];
            counters[i] = new BeginCounter(held.Id, held.Counter.Terms.Meter, held.Kind, held.EndsAtMs);
        }
        return counters;
    }

    /// <summary>
    /// The most the call can use. A byte-level tokenizer never makes more tokens than bytes, and the framing of messages is covered by the
    /// JSON around them; a context window bounds what bytes do not. Output: the client's own bound, else the model's, else a ceiling.
    /// </summary>
    private Demand DemandOf(ProviderRequest request, PriceFunction price) => new()
    {
        InputTokens = request.HasMedia ? price.Price.MaxInputTokens ?? limits.MaxInputTokens : Math.Min(request.InputBytes + request.AddedTokens, price.Price.MaxInputTokens ?? long.MaxValue),
        Choices = request.Choices,
        Output = request.OutputBound ?? price.Price.MaxOutputTokens ?? limits.MaxOutputTokens,
        IsNamed = request.OutputBound is not null,
        CanGrow = request.Stream && price.Price.HiddenOutput == false,
        Price = price,
        WritesCache = request.WritesCache,
        WritesCacheForAnHour = request.WritesCacheForAnHour,
        BytesIn = request.InputBytes,
        Images = request.Images,
    };
}
