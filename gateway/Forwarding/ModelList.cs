using Quota.Gateway.ControlPlane;
using Quota.Gateway.Entitlements;
using Quota.Gateway.Keys;
using Quota.Gateway.Providers;

namespace Quota.Gateway.Forwarding;

/// <summary>
/// <c>GET /v1/models</c> and <c>/v1/models/{name}</c>, or where else a provider's clients ask: the models that a call of this key would reach, which are those that it may use, that
/// an upstream of the grammar serves, and whose price is known. Costs nothing, so no limit is asked and no event is written.
/// </summary>
internal sealed class ModelList(CurrentControl control, UpstreamTable upstreams, GatewayClock clock)
{
    public async Task AnswerAsync(HttpContext context, IProviderAdapter adapter, string name)
    {
        if (control.Now is not { } state || control.IsStale)
            await RefusalWriter.WriteAsync(context, adapter.Refuse(new Refusal.Unavailable("control", "The gateway has no current control snapshot.", 5)));
        else if (state.Keys.Find(KeyReader.Read(context.Request), clock.GetUtcNow()) is not { } caller)
            await RefusalWriter.WriteAsync(context, adapter.Refuse(new Refusal.BadKey()));
        else
        {
            string[] models = [.. Reachable(state, adapter.Protocol, caller.Key.AllowedModels, clock.GetUtcNow()).Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal)];
            var isThere = name.Length == 0 || models.Contains(name);
            await RefusalWriter.WriteAsync(context, isThere ? new RefusalAnswer(200, name.Length == 0 ? adapter.WriteModels(models) : adapter.WriteModel(name)) : adapter.Refuse(new Refusal.UnknownModel(name)));
        }
    }

    /// <summary>Models by their own names, and by the aliases that stand for them.</summary>
    private IEnumerable<string> Reachable(ControlState state, string protocol, IReadOnlyList<string> allowed, DateTimeOffset now)
    {
        bool Reaches(string model) => ModelAllowance.Allows(allowed, model) && upstreams.For(protocol, model).Any(upstream => state.PriceOf(upstream.Provider, model, now) is not null);
        return state.Snapshot.Prices.Select(price => price.Model).Where(Reaches).Concat(upstreams.Now.Aliases.Where(alias => Reaches(alias.Value)).Select(alias => alias.Key));
    }
}
