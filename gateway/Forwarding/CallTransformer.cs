using System.Collections.Frozen;
using System.Net.Http.Headers;
using Microsoft.Extensions.Primitives;
using Quota.Gateway.Keys;
using Quota.Gateway.Limits;
using Quota.Gateway.Metering;
using Quota.Shared.Usage;
using Yarp.ReverseProxy.Forwarder;

namespace Quota.Gateway.Forwarding;

/// <summary>
/// What changes on the way of a metered call: headers by <see cref="HeaderHygiene"/>, ours about limits added, the answer watched as it passes.
/// </summary>
internal sealed class CallTransformer(ForwardedCall call) : HttpTransformer
{
    private readonly string _id = call.Meter.Begin.Id.ToString();

    public override ValueTask TransformRequestAsync(HttpContext context, HttpRequestMessage proxyRequest, string destinationPrefix, CancellationToken cancellationToken)
    {
        HeaderHygiene.Send(context, proxyRequest, call.Adapter, call.Upstream, call.Route, _id);
        return ValueTask.CompletedTask;
    }

    public override async ValueTask<bool> TransformResponseAsync(HttpContext context, HttpResponseMessage? proxyResponse, CancellationToken cancellationToken)
    {
        if (proxyResponse is null)
            return true;
        var meter = call.Meter;
        meter.Answered((int)proxyResponse.StatusCode, RequestIdOf(proxyResponse));
        var headers = context.Response.Headers;
        HeaderHygiene.Return(proxyResponse, headers, _id);
        LimitHeaders.Write(headers, call.Hold, call.Adapter);
        if (call.ClampedTo is { } bound)
            headers["x-quota-clamped"] = bound.ToString(CultureInfo.InvariantCulture);
        if (call.Warnings.Count > 0)
            headers["x-quota-warning"] = call.Warnings as string[] ?? [.. call.Warnings];
        if (!proxyResponse.IsSuccessStatusCode)
        {
            await meter.EndAsync(UsageStatus.Failed);   // the provider bills nothing for it; its own words go to the client
            return true;
        }
        if (call.Request.Stream)
            headers.ContentLength = null;   // its usage chunk may be hidden, or its end be ours
        proxyResponse.Content = new ObservedContent(proxyResponse.Content, meter, call.Request.HidesUsage);
        return true;
    }

    private static string? RequestIdOf(HttpResponseMessage response)
    {
        foreach (var name in (ReadOnlySpan<string>)["x-request-id", "request-id"])
        {
            if (!response.Headers.NonValidated.TryGetValues(name, out var ids))
                continue;
            foreach (var id in ids)
                return id;
        }
        return null;
    }
}
