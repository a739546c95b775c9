using Quota.Gateway.Providers;
using Quota.Gateway.Providers.Generic;

namespace Quota.Gateway.Forwarding;

/// <summary>The paths below the name of an upstream that is declared <c>protocol: generic</c>: <c>/ocr</c>, <c>/ocr/v1/pages</c>.</summary>
internal sealed class GenericRoutes(UpstreamTable upstreams)
{
    /// <summary>The route of a path, whatever the method; null when its first segment is no such name, or it climbs.</summary>
    public ProviderRoute? Find(string path)
    {
        if (path.Length < 2)
            return null;
        var end = path.IndexOf('/', 1);
        var name = end < 0 ? path.AsSpan(1) : path.AsSpan(1, end - 1);
        var below = end < 0 ? "" : path[end..];
        foreach (var upstream in upstreams.Now.Upstreams)
        {
            if (upstream.Protocol == GenericAdapter.Word && name.SequenceEqual(upstream.Name))
                return Climbs(below) ? null : new ProviderRoute("/" + upstream.Name, GenericAdapter.Kind) { StreamsBody = true, Upstream = upstream, Below = Escaped(below) };
        }
        return null;
    }

    /// <summary>Whether it would leave the upstream's base address once its escaped slashes are read as such. The server has taken out the plain ones.</summary>
    private static bool Climbs(string below) => below.Replace("%2f", "/", StringComparison.OrdinalIgnoreCase).Split('/', '\\').Any(segment => segment is ".." or ".");

    /// <summary>As it goes out again: the server decodes all of a path but its escaped slashes.</summary>
    private static string Escaped(string below) =>
        new PathString(below.Replace("%", "%25", StringComparison.Ordinal).Replace("%252f", "%2F", StringComparison.OrdinalIgnoreCase)).ToUriComponent();
}
