using Quota.Gateway.Entitlements;

namespace Quota.Gateway.Forwarding;

/// <summary>A model provider that calls are forwarded to. The credential is the upstream's own and replaces the caller's key.</summary>
internal sealed record Upstream(string Name, string Protocol, Uri BaseUrl, string Credential, IReadOnlyList<string> Models)
{
    /// <summary>Without the credential, so that it cannot get into a log.</summary>
    public override string ToString() => $"{Name} ({Protocol} at {BaseUrl})";

    /// <summary>The address of a path such as <c>/v1/chat/completions</c> below the base address.</summary>
    public Uri AddressOf(string path) => new(BaseUrl.AbsoluteUri.TrimEnd('/') + path);
}

/// <summary>The upstreams in force; swapped whole when the file changes.</summary>
internal sealed class UpstreamTable
{
    private volatile IReadOnlyList<Upstream> _upstreams = [];

    public void Replace(IReadOnlyList<Upstream> upstreams) => _upstreams = upstreams;

    /// <summary>The first upstream of this protocol whose globs match the model; null when none does.</summary>
    public Upstream? Find(string protocol, string model)
    {
        foreach (var upstream in _upstreams)
        {
            if (upstream.Protocol == protocol && ModelAllowance.Matches(upstream.Models, model))
                return upstream;
        }
        return null;
    }
}
