using System.Collections.Frozen;
using System.Net.Http.Headers;
using Microsoft.Extensions.Primitives;
using Quota.Gateway.Keys;
using Quota.Gateway.Limits;
using Quota.Gateway.Metering;
using Quota.Gateway.Providers;
using Quota.Shared.Usage;
using Yarp.ReverseProxy.Forwarder;

namespace Quota.Gateway.Forwarding;

/// <summary>
/// What changes on the way of a metered call: headers by <see cref="HeaderHygiene"/>, ours about limits added, the answer watched as it passes.
/// </summary>
internal sealed class CallTransformer(ForwardedCall call, ClientGone? gone) : HttpTransformer
{
    private readonly string _id = call.RequestId.ToString();

    /// <summary>The answer was a failure and did not go to the client, because another upstream can be tried.</summary>
    public bool WasTurnedDown { get; private set; }

    /// <summary>The answer says that the upstream cannot serve now, whether or not it went to the client.</summary>
    public bool HasFailed { get; private set; }

    public override ValueTask TransformRequestAsync(HttpContext context, HttpRequestMessage proxyRequest, string destinationPrefix, CancellationToken cancellationToken)
    {
        HeaderHygiene.Send(context, proxyRequest, call.Adapter, call.Upstream, call.Address, call.Body, _id);
        return ValueTask.CompletedTask;
    }

    public override async ValueTask<bool> TransformResponseAsync(HttpContext context, HttpResponseMessage? proxyResponse, CancellationToken cancellationToken)
    {
        if (proxyResponse is null)
            return true;
        var meter = call.Meter;
        meter.Answered(proxyResponse);
        HasFailed = IsWorthAnother((int)proxyResponse.StatusCode);
        if (call.HasNext && HasFailed)
        {
            await meter.TurnDownAsync();
            WasTurnedDown = true;
            return false;
        }
        var headers = context.Response.Headers;
        HeaderHygiene.Return(proxyResponse, headers, _id);
        TrailedBody.Begin(context, proxyResponse);
        LimitHeaders.Write(headers, call.Hold, call.Adapter);
        if (call.Hold.ClampedTo is { } bound)
            headers["x-quota-clamped"] = bound.ToString(CultureInfo.InvariantCulture);
        if (call.Hold.Warnings is { Count: > 0 } warnings)
            headers["x-quota-warning"] = warnings as string[] ?? [.. warnings];
        if (!proxyResponse.IsSuccessStatusCode)
        {
            await meter.EndAsync(UsageStatus.Failed);   // the provider bills nothing for it; its own words go to the client
            return true;
        }
        if (call.Request.Stream)
            headers.ContentLength = null;   // its usage chunk may be hidden, or its end be ours
        proxyResponse.Content = new ObservedContent(proxyResponse.Content, meter, call.Request.HidesUsage && proxyResponse.Content.Headers.ContentEncoding.Count == 0, gone);
        return true;
    }

    public override ValueTask TransformResponseTrailersAsync(HttpContext context, HttpResponseMessage proxyResponse, CancellationToken cancellationToken) =>
        context.Response.Body is TrailedBody body ? body.EndAsync(proxyResponse.TrailingHeaders) : base.TransformResponseTrailersAsync(context, proxyResponse, cancellationToken);

    /// <summary>Overloaded, out of our quota there, or broken: another upstream may do better. What is wrong with the request is wrong everywhere.</summary>
    private static bool IsWorthAnother(int status) => status is 408 or 429 or 500 or 502 or 503 or 504 or 529;
}
