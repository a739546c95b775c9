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
internal sealed record ForwardedCall(IProviderAdapter Adapter, Upstream Upstream, Uri Address, ProviderRequest Request, CallMeter Meter, Hold Hold, long? ClampedTo, IReadOnlyList<string> Warnings)
{
    /// <summary>The client's <c>x-request-id</c>: the id of the first attempt.</summary>
    public Guid RequestId { get; init; } = Meter.Begin.Id;

    /// <summary>Whether another upstream can be tried, so that a failure of this one need not reach the client.</summary>
    public bool HasNext { get; init; }
}

/// <summary>How an attempt ended: what to tell the client, if it has no answer yet, and whether the upstream failed (null: it was not asked).</summary>
internal readonly record struct AttemptEnd(Refusal? Refusal, bool? HasFailed)
{
    public static implicit operator AttemptEnd(Refusal refusal) => new(refusal, null);
}

/// <summary>Sends a begun call upstream through YARP and sees to it that it ends, however it ends.</summary>
internal sealed class CallForwarder(IHttpForwarder yarp, ForwardingOptions options, GatewayClock clock) : IDisposable
{
    private readonly ForwarderRequestConfig _config = new() { ActivityTimeout = options.Timeout };

    private readonly Drains _drains = new(options.DrainTime, options.TruthTime, options.MaxDrains, clock);

    private readonly SocketsHttpHandler _sockets = new()
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
    };

    private HttpMessageInvoker Plain => field ??= new(_sockets, disposeHandler: false);

    public async Task<AttemptEnd> ForwardAsync(HttpContext context, ForwardedCall call)
    {
        var body = call.Request.BodyWith(call.ClampedTo);
        using SentStream sent = call.Request.StreamsBody ? new PassedStream(context.Request.Body, options.MaxUploadBytes, call.Meter.Sent) : body.OpenRead();   // ends with this call: the client's bytes below are given back after it
        using var gone = Disconnects.Drains(call.Upstream, call.Request.Stream) ? _drains.Watch(sent, context.RequestAborted) : null;
        Send(context, sent, call.Request.StreamsBody ? context.Request.ContentLength : body.Length);
        if (call.Request.StreamsBody)
            call.Meter.Sent(0);   // of what was announced
        var transformer = new CallTransformer(call, body, gone);
        var error = ForwarderError.Request;
        try
        {
            error = await yarp.SendAsync(context, call.Upstream.BaseUrl.AbsoluteUri, gone is null ? Plain : new DrainingInvoker(_sockets, call.Meter, gone), _config, transformer);
            if (gone?.Rest is { } rest)
                await rest.DrainAsync();
        }
        finally
        {
            call.Meter.WasTurnedDown |= call.HasNext && error is (ForwarderError.Request or ForwarderError.RequestCreation);
            await call.Meter.EndAsync(StatusOf(error, context, call.Meter, sent.WasReadWhole));   // nothing to do when the last byte has ended it
        }
        if (call.Request.StreamsBody && sent.Taken > options.MaxUploadBytes && !context.Response.HasStarted)
            return new Refusal.BodyTooLarge(options.MaxUploadBytes);
        var end = new AttemptEnd(RefusalOf(error, context), transformer.WasTurnedDown || error is ForwarderError.Request or ForwarderError.RequestCreation);
        if (end.HasFailed == true && !context.Response.HasStarted)
        {
            context.Response.Clear();   // the next upstream's answer, or our own, is another one
            context.Response.Headers["x-request-id"] = call.RequestId.ToString();
        }
        return end;
    }

    /// <summary>Sends a call that nobody bills. Null when the upstream's answer went to the client, else what to tell the client instead.</summary>
    public async Task<Refusal?> PassAsync(HttpContext context, IProviderAdapter adapter, Upstream upstream, Uri address, SplicedBody body, Guid id)
    {
        using var sent = body.OpenRead();
        Send(context, sent, body.Length);
        return RefusalOf(await yarp.SendAsync(context, upstream.BaseUrl.AbsoluteUri, Plain, _config, new FreeTransformer(adapter, upstream, address, body, id.ToString())), context);
    }

    private static void Send(HttpContext context, Stream sent, long? length)
    {
        context.Request.Body = sent;
        context.Request.ContentLength = length;
        if (length is not null)
            context.Request.Headers.TransferEncoding = default;
        if (sent is not PassedStream)
            context.Request.Headers.Expect = default;   // the body is here: nothing to ask the upstream for
    }

    private static Refusal? RefusalOf(ForwarderError error, HttpContext context)
    {
        if (error == ForwarderError.None || context.Response.HasStarted || context.RequestAborted.IsCancellationRequested)
            return null;
        return error switch
        {
            ForwarderError.RequestTimedOut => new Refusal.UpstreamSilent(),
            ForwarderError.RequestBodyClient => new Refusal.BadRequest(null, "The request's body broke off, or came too slowly."),
            _ => new Refusal.UpstreamUnreachable(),
        };
    }

    private static string StatusOf(ForwarderError error, HttpContext context, CallMeter call, bool wasSent)
    {
        if (error == ForwarderError.None)
            return UsageStatus.Completed;
        // YARP aborts the client's connection when the upstream breaks off, so an aborted request alone does not say who went first.
        var upstreamBroke = error is ForwarderError.ResponseBodyDestination or ForwarderError.Request or ForwarderError.RequestBodyDestination;
        if (context.RequestAborted.IsCancellationRequested && !upstreamBroke)
            return UsageStatus.Cancelled;   // the upstream may have worked for it: estimated, never nothing
        return call.HasServed || wasSent ? UsageStatus.CutOff : UsageStatus.Failed;   // who had the whole request may have worked for it, too
    }

    public void Dispose() => _sockets.Dispose();
}
