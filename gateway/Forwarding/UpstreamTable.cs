using Quota.Gateway.Entitlements;
using Quota.Gateway.Providers;

namespace Quota.Gateway.Forwarding;

/// <summary>The upstreams and aliases in force; swapped whole when the file changes.</summary>
internal sealed class UpstreamTable
{
    private volatile UpstreamsFile _now = UpstreamsFile.Empty;

    public UpstreamsFile Now => _now;

    public void Replace(UpstreamsFile upstreams) => _now = upstreams;

    /// <summary>The model that a client's name stands for.</summary>
    public string Routed(string model) => _now.Aliases.GetValueOrDefault(model, model);

    /// <summary>The upstreams of a protocol whose globs match the model, in the file's order.</summary>
    public IReadOnlyList<Upstream> For(string protocol, string model)
    {
        List<Upstream>? found = null;
        Upstream? first = null;
        foreach (var upstream in _now.Upstreams)
        {
            if (upstream.Protocol != protocol || !ModelAllowance.Matches(upstream.Models, model))
                continue;
            if (first is null)
                first = upstream;
            else
                (found ??= [first]).Add(upstream);
        }
        return found ?? (first is null ? [] : first.Alone);
    }
}

/// <summary>What <c>quota.yaml</c> says of where calls go.</summary>
/// <param name="Aliases">From a client's name of a model to the one that is routed, allowed and priced.</param>
/// <param name="Balancing">How the first of several upstreams is chosen; one of <see cref="UpstreamPool.Policies"/>.</param>
internal sealed record UpstreamsFile(IReadOnlyList<Upstream> Upstreams, IReadOnlyDictionary<string, string> Aliases, string Balancing)
{
    public static readonly UpstreamsFile Empty = new([], new Dictionary<string, string>(), "first");
}
