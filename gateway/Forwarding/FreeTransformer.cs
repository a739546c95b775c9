using Quota.Gateway.Providers;
using Yarp.ReverseProxy.Forwarder;

namespace Quota.Gateway.Forwarding;

/// <summary>What changes on the way of a call that nobody bills: its headers.</summary>
internal sealed class FreeTransformer(IProviderAdapter adapter, Upstream upstream, Uri address, SplicedBody body, string id) : HttpTransformer
{
    public override ValueTask TransformRequestAsync(HttpContext context, HttpRequestMessage proxyRequest, string destinationPrefix, CancellationToken cancellationToken)
    {
        HeaderHygiene.Send(context, proxyRequest, adapter, upstream, address, body, id);
        return ValueTask.CompletedTask;
    }

    public override ValueTask<bool> TransformResponseAsync(HttpContext context, HttpResponseMessage? proxyResponse, CancellationToken cancellationToken)
    {
        if (proxyResponse is not null)
            HeaderHygiene.Return(proxyResponse, context.Response.Headers, id);
        return ValueTask.FromResult(true);
    }
}
