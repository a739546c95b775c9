using Quota.Gateway.Providers;
using Yarp.ReverseProxy.Health;
using Yarp.ReverseProxy.Model;

namespace Quota.Gateway.Forwarding;

/// <summary>A probe of an upstream carries its credential, as a call would.</summary>
internal sealed class ProbeRequests(UpstreamTable upstreams, IEnumerable<IProviderAdapter> adapters) : IProbingRequestFactory
{
    public HttpRequestMessage CreateRequest(ClusterModel cluster, DestinationModel destination)
    {
        var upstream = upstreams.Now.Upstreams.First(it => it.Name == cluster.Config.ClusterId);
        var request = new HttpRequestMessage(HttpMethod.Get, upstream.AddressOf(upstream.Health!.Path));
        adapters.First(adapter => adapter.Protocol == upstream.Protocol).Authorize(request, upstream, default);
        return request;
    }
}
