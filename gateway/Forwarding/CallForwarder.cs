using System.Net;
using System.Text;
using Quota.Gateway.Limits;
using Quota.Gateway.Metering;
using Quota.Gateway.Providers;
using Quota.Shared.Usage;
using Yarp.ReverseProxy.Forwarder;

namespace Quota.Gateway.Forwarding;

/// <summary>A call that was begun, and how it is to be sent.</summary>
/// <param name="ClampedTo">The output bound per choice to put into the body; null when the client named its own, or none is wanted.</param>
/// <param name="Warnings">Told to the client as <c>x-quota-warning</c>, a line each.</param>
internal sealed record ForwardedCall(IProviderAdapter Adapter, Upstream Upstream, string Route, ProviderRequest Request, CallMeter Meter, Hold Hold, long? ClampedTo, IReadOnlyList<string> Warnings);

/// <summary>Sends a begun call upstream through YARP and sees to it that it ends, however it ends.</summary>
internal sealed class CallForwarder(IHttpForwarder yarp, ForwardingOptions options) : IDisposable
{
    private readonly ForwarderRequestConfig _config = new() { ActivityTimeout = options.Timeout };

    private readonly HttpMessageInvoker _http = new(new SocketsHttpHandler
    {
        UseProxy = false,
        AllowAutoRedirect = false,
        AutomaticDecompression = DecompressionMethods.None,
        UseCookies = false,
        EnableMultipleHttp2Connections = true,
        ActivityHeadersPropagator = null,
        ResponseDrainTimeout = TimeSpan.Zero,   // an answer that is cut ends its connection at once, so that the provider stops
        ConnectTimeout = options.ConnectTimeout,
        PooledConnectionLifetime = TimeSpan.FromMinutes(5),
        RequestHeaderEncodingSelector = (_, _) => Encoding.UTF8,   // a client's header value in UTF-8 is no reason to fail its call
    });

    /// <summary>Null when the upstream's answer went to the client, else what to tell the client instead.</summary>
    public async Task<Refusal?> ForwardAsync(HttpContext context, ForwardedCall call)
    {
        var body = call.Request.BodyWith(call.ClampedTo);
        using var sent = body.OpenRead();   // ends with this call: the client's bytes below are given back after it
        context.Request.Body = sent;
        context.Request.ContentLength = body.Length;
        context.Request.Headers.TransferEncoding = default;
        var error = ForwarderError.Request;
        try
        {
            error = await yarp.SendAsync(context, call.Upstream.BaseUrl.AbsoluteUri, _http, _config, new CallTransformer(call));
        }
        finally
        {
            await call.Meter.EndAsync(StatusOf(error, context, call.Meter));   // nothing to do when the last byte has ended it
        }
        return RefusalOf(error, context);
    }

    /// <summary>Sends a call that nobody bills. Null when the upstream's answer went to the client, else what to tell the client instead.</summary>
    public async Task<Refusal?> PassAsync(HttpContext context, IProviderAdapter adapter, Upstream upstream, string route, SplicedBody body, Guid id)
    {
        using var sent = body.OpenRead();
        context.Request.Body = sent;
        context.Request.ContentLength = body.Length;
        context.Request.Headers.TransferEncoding = default;
        return RefusalOf(await yarp.SendAsync(context, upstream.BaseUrl.AbsoluteUri, _http, _config, new FreeTransformer(adapter, upstream, route, id.ToString())), context);
    }

    private static Refusal? RefusalOf(ForwarderError error, HttpContext context)
    {
        if (error == ForwarderError.None || context.Response.HasStarted || context.RequestAborted.IsCancellationRequested)
            return null;
        return error == ForwarderError.RequestTimedOut ? new Refusal.UpstreamSilent() : new Refusal.UpstreamUnreachable();
    }

    private static string StatusOf(ForwarderError error, HttpContext context, CallMeter call)
    {
        if (error == ForwarderError.None)
            return UsageStatus.Completed;
        // YARP aborts the client's connection when the upstream breaks off, so an aborted request alone does not say who went first.
        var upstreamBroke = error is ForwarderError.ResponseBodyDestination or ForwarderError.Request or ForwarderError.RequestBodyDestination;
        if (context.RequestAborted.IsCancellationRequested && !upstreamBroke)
            return UsageStatus.Cancelled;   // the upstream may have worked for it: estimated, never nothing
        return call.HasServed ? UsageStatus.CutOff : UsageStatus.Failed;
    }

    public void Dispose() => _http.Dispose();
}
