using Quota.Gateway.ControlPlane;
using Quota.Gateway.Diagnostics;
using Quota.Gateway.Entitlements;
using Quota.Gateway.Keys;
using Quota.Gateway.Limits;
using Quota.Gateway.Providers;

namespace Quota.Gateway.Forwarding;

/// <summary>One call's way, in order: who, what, allowed, then held, begun, forwarded by <see cref="CallAttempts"/>; ended and settled while its last byte passes.</summary>
internal sealed class CallHandler(CurrentControl control, UpstreamTable upstreams, UpstreamPool pool, CallAttempts attempts, FreeCall free, LimitsOptions limits, ForwardingOptions options, GatewayClock clock, GatewayMetrics metrics)
{
    public async Task HandleAsync(HttpContext context, IProviderAdapter adapter, CallTarget target)
    {
        var id = Guid.CreateVersion7(clock.GetUtcNow());
        context.Response.Headers["x-request-id"] = id.ToString();
        Refusal? refusal;
        try
        {
            refusal = await RunAsync(context, adapter, target, id);
        }
        catch (BadHttpRequestException problem) when (!context.Response.HasStarted)
        {
            refusal = problem.StatusCode == StatusCodes.Status413PayloadTooLarge
                ? new Refusal.BodyTooLarge(MostOf(target.Route)) : new Refusal.BadRequest(null, problem.Message);
        }
        if (refusal is null || context.Response.HasStarted)
            return;
        metrics.Refused(refusal);
        await RefusalWriter.WriteAsync(context, adapter.Refuse(refusal));
    }

    private async Task<Refusal?> RunAsync(HttpContext context, IProviderAdapter adapter, CallTarget target, Guid id)
    {
        if (control.Now is not { } state || control.IsStale)
            return new Refusal.Unavailable("control", "The gateway has no current control snapshot.", 5);
        if (state.Keys.Find(KeyReader.Read(context.Request), clock.GetUtcNow()) is not { } caller)
            return new Refusal.BadKey();

        var most = MostOf(target.Route);
        if (context.Request.ContentLength > most)
            return new Refusal.BodyTooLarge(most);
        using var body = target.Route.StreamsBody ? null : await RequestBody.ReadAsync(context.Request, most, context.RequestAborted);
        if (body is null && !target.Route.StreamsBody)
            return new Refusal.BodyTooLarge(most);
        if (target.Route.IsFree)
            return await free.RunAsync(context, adapter, target, caller, body!.Bytes, id);
        var (request, mistake) = adapter.ReadRequest(target, body?.Bytes ?? default, context.Request.Headers);
        if (request is null)
            return mistake;
        var model = upstreams.Routed(request.Model);
        if (!ModelAllowance.Allows(caller.Key.AllowedModels, model))
            return new Refusal.ModelNotAllowed(request.Model);
        var candidates = pool.Order(context, upstreams.For(adapter.Protocol, model));
        if (candidates.Count == 0)
            return new Refusal.UnknownModel(request.Model);
        return await attempts.RunAsync(context, new AskedCall(adapter, target, request, model, caller, state, id), candidates);
    }

    private long MostOf(ProviderRoute route) => route.IsUpload || route.StreamsBody ? options.MaxUploadBytes : limits.MaxBodyBytes;
}
