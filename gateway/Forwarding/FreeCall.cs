using Quota.Gateway.Entitlements;
using Quota.Gateway.Keys;
using Quota.Gateway.Providers;

namespace Quota.Gateway.Forwarding;

/// <summary>A call that the provider answers for nothing, such as counting tokens: passed on for a key that may use the model. No limit is asked, no event is written.</summary>
internal sealed class FreeCall(UpstreamTable upstreams, CallForwarder forwarder)
{
    /// <summary>Null when the upstream's answer went to the client, else what to tell the client instead.</summary>
    public async Task<Refusal?> RunAsync(HttpContext context, IProviderAdapter adapter, CallTarget target, CallerKey caller, ReadOnlyMemory<byte> body, Guid id)
    {
        var name = target.Model;
        if (name is null)
        {
            var fields = new JsonFieldScanner("model");
            fields.Feed(body.Span);
            name = fields.Value("model") is { } named ? ModelName.Parse(named) : target.Route.DefaultModel;
        }
        if (name is null)
            return new Refusal.BadRequest("model", "You must name a model.");
        var model = upstreams.Routed(name);
        if (!ModelAllowance.Allows(caller.Key.AllowedModels, model))
            return new Refusal.ModelNotAllowed(name);
        if (upstreams.For(adapter.Protocol, model) is not [var upstream, ..])
            return new Refusal.UnknownModel(name);
        if (target.Model is null && upstream.NameOf(model) != name)
            return new Refusal.BadRequest("model", $"This call is passed on as it is, and the upstream calls the model '{upstream.NameOf(model)}'; name it so.");
        return await forwarder.PassAsync(context, adapter, upstream, upstream.AddressOf(adapter.PathFor(target, upstream.NameOf(model)), target.Query), new SplicedBody(body), id);
    }
}
