using Quota.Gateway.Entitlements;
using Quota.Gateway.Keys;
using Quota.Gateway.Providers;

namespace Quota.Gateway.Forwarding;

/// <summary>A call that the provider answers for nothing, such as counting tokens: passed on for a key that may use the model. No limit is asked, no event is written.</summary>
internal sealed class FreeCall(UpstreamTable upstreams, CallForwarder forwarder)
{
    /// <summary>Null when the upstream's answer went to the client, else what to tell the client instead.</summary>
    public async Task<Refusal?> RunAsync(HttpContext context, IProviderAdapter adapter, string route, CallerKey caller, ReadOnlyMemory<byte> body, Guid id)
    {
        var fields = new JsonFieldScanner("model");
        fields.Feed(body.Span);
        if (ModelName.Parse(fields.Value("model")) is not { } model)
            return new Refusal.BadRequest("model", "You must name a model.");
        if (!ModelAllowance.Allows(caller.Key.AllowedModels, model))
            return new Refusal.ModelNotAllowed(model);
        return upstreams.Find(adapter.Protocol, model) is { } upstream
            ? await forwarder.PassAsync(context, adapter, upstream, route, new SplicedBody(body), id) : new Refusal.UnknownModel(model);
    }
}
