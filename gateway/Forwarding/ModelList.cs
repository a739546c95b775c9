using Quota.Gateway.ControlPlane;
using Quota.Gateway.Entitlements;
using Quota.Gateway.Keys;
using Quota.Gateway.Providers;

namespace Quota.Gateway.Forwarding;

/// <summary>
/// <c>GET /v1/models</c> and <c>/v1/models/{name}</c>: the models that a call of this key would reach, which are those that it may use, that
/// an upstream of the grammar serves, and whose price is known. Costs nothing, so no limit is asked and no event is written.
/// </summary>
internal sealed class ModelList(CurrentControl control, UpstreamTable upstreams, GatewayClock clock)
{
    public const string Route = "/v1/models";

    /// <summary>The model that a path names, empty for all; null when it is another path.</summary>
    public static string? NameOf(string path) =>
        path is Route or Route + "/" ? "" : path.StartsWith(Route + "/", StringComparison.Ordinal) ? path[(Route.Length + 1)..] : null;

    public async Task AnswerAsync(HttpContext context, IProviderAdapter adapter, string name)
    {
        if (control.Now is not { } state || control.IsStale)
            await RefusalWriter.WriteAsync(context, adapter.Refuse(new Refusal.Unavailable("control", "The gateway has no current control snapshot.", 5)));
        else if (state.Keys.Find(KeyReader.Read(context.Request), clock.GetUtcNow()) is not { } caller)
            await RefusalWriter.WriteAsync(context, adapter.Refuse(new Refusal.BadKey()));
        else
        {
            string[] models = [.. state.Snapshot.Prices
                .Where(price => price.Provider == adapter.Protocol && ModelAllowance.Allows(caller.Key.AllowedModels, price.Model) && upstreams.Find(adapter.Protocol, price.Model) is not null)
                .Select(price => price.Model).Order(StringComparer.Ordinal)];
            var isThere = name.Length == 0 || models.Contains(name);
            await RefusalWriter.WriteAsync(context, isThere ? new RefusalAnswer(200, name.Length == 0 ? adapter.WriteModels(models) : adapter.WriteModel(name)) : adapter.Refuse(new Refusal.UnknownModel(name)));
        }
    }
}
