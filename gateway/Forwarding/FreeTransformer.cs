using System.Collections.Frozen;
using Quota.Gateway.Providers;
using Yarp.ReverseProxy.Forwarder;

namespace Quota.Gateway.Forwarding;

/// <summary>What changes on the way of a call that nobody bills: its headers.</summary>
internal sealed class FreeTransformer(IProviderAdapter adapter, Upstream upstream, Uri address, SplicedBody body, string id) : HttpTransformer
{
    // What leaves parts of an answer away (cloud.google.com/apis/docs/system-parameters).
    private const string FieldMask = "X-Goog-FieldMask";
    private static readonly FrozenSet<string> Fields = FrozenSet.Create(StringComparer.OrdinalIgnoreCase, ["fields", "$fields"]);

    public override ValueTask TransformRequestAsync(HttpContext context, HttpRequestMessage proxyRequest, string destinationPrefix, CancellationToken cancellationToken)
    {
        HeaderHygiene.Send(context, proxyRequest, adapter, upstream, HeaderHygiene.Without(address, Fields), body, id);
        proxyRequest.Headers.Remove(FieldMask);
        return ValueTask.CompletedTask;
    }

    public override ValueTask<bool> TransformResponseAsync(HttpContext context, HttpResponseMessage? proxyResponse, CancellationToken cancellationToken)
    {
        if (proxyResponse is not null)
        {
            HeaderHygiene.Return(proxyResponse, context.Response.Headers, id);
            TrailedBody.Begin(context, proxyResponse);
        }
        return ValueTask.FromResult(true);
    }

    public override ValueTask TransformResponseTrailersAsync(HttpContext context, HttpResponseMessage proxyResponse, CancellationToken cancellationToken) =>
        context.Response.Body is TrailedBody body ? body.EndAsync(proxyResponse.TrailingHeaders) : base.TransformResponseTrailersAsync(context, proxyResponse, cancellationToken);
}
