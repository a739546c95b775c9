using Quota.Gateway.ControlPlane;
using Quota.Gateway.Entitlements;
using Quota.Gateway.Keys;
using Quota.Gateway.Limits;
using Quota.Gateway.Providers;

namespace Quota.Gateway.Forwarding;

/// <summary>A call that the provider answers for nothing, such as counting tokens: passed on for a key that may use the model. No limit is asked, no event is written.</summary>
internal sealed class FreeCall(CurrentControl control, UpstreamTable upstreams, CallForwarder forwarder, LimitsOptions limits, GatewayClock clock)
{
    /// <summary>Null when the upstream's answer went to the client, else what to tell the client instead.</summary>
    public async Task<Refusal?> RunAsync(HttpContext context, IProviderAdapter adapter, string route, Guid id)
    {
        if (control.Now is not { } state || control.IsStale)
            return new Refusal.Unavailable("control", "The gateway has no current control snapshot.", 5);
        if (state.Keys.Find(KeyReader.Read(context.Request), clock.GetUtcNow()) is not { } caller)
            return new Refusal.BadKey();
        using var body = await RequestBody.ReadAsync(context.Request, limits.MaxBodyBytes, context.RequestAborted);
        if (body is null)
            return new Refusal.BodyTooLarge(limits.MaxBodyBytes);
        var fields = new JsonFieldScanner("model");
        fields.Feed(body.Bytes.Span);
        if (ModelName.Parse(fields.Value("model")) is not { } model)
            return new Refusal.BadRequest("model", "You must name a model.");
        if (!ModelAllowance.Allows(caller.Key.AllowedModels, model))
            return new Refusal.ModelNotAllowed(model);
        return upstreams.Find(adapter.Protocol, model) is { } upstream
            ? await forwarder.PassAsync(context, adapter, upstream, route, new SplicedBody(body.Bytes), id) : new Refusal.UnknownModel(model);
    }
}
