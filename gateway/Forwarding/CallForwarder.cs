using System.Net;
using System.Text;
using Quota.Gateway.Limits;
using Quota.Gateway.Metering;
using Quota.Gateway.Providers;
using Quota.Gateway.Spool;
using Quota.Shared.Usage;
using Yarp.ReverseProxy.Forwarder;

namespace Quota.Gateway.Forwarding;

/// <summary>A call that was begun, and how it is to be sent.</summary>
/// <param name="Body">As the upstream gets it; empty where the client's is passed on while it arrives.</param>
internal sealed record ForwardedCall(IProviderAdapter Adapter, Upstream Upstream, Uri Address, ProviderRequest Request, SplicedBody Body, CallMeter Meter, Hold Hold)
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
internal sealed class CallForwarder(IHttpForwarder yarp, ForwardingOptions options, OpenEvents events, GatewayClock clock) : IDisposable
{
    private readonly ForwarderRequestConfig _config = new() { ActivityTimeout = options.Timeout };

    private readonly Drains _drains = new(options.DrainTime, options.TruthTime, options.MaxDrains, events, clock);

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

    /// <summary>Sends it, and returns when it has ended. The client has an answer, unless <see cref="AttemptEnd.Refusal"/> is there or the upstream failed and another can be tried.</summary>
    public async Task<AttemptEnd> ForwardAsync(HttpContext context, ForwardedCall call)
    {
        using SentStream sent = call.Request.StreamsBody ? new PassedStream(context, options.MaxUploadBytes, call.Meter.Sent) : call.Body.OpenRead();   // ends with this call: the client's bytes below are given back after it
        using var gone = Disconnects.Drains(call.Upstream, call.Request.Stream) ? _drains.Watch(sent, context.RequestAborted) : null;
        var answerBody = context.Response.Body;
        Send(context, sent, call.Request.StreamsBody ? context.Request.ContentLength : call.Body.Length);
        if (call.Request.StreamsBody)
            call.Meter.Sent(0);   // of what was announced
        var transformer = new CallTransformer(call, gone);
        var error = ForwarderError.Request;
        try
        {
            error = await yarp.SendAsync(context, call.Upstream.BaseUrl.AbsoluteUri, gone is null ? Plain : new DrainingInvoker(_sockets, call.Meter, gone), _config, transformer);
            if (gone?.Rest is { } rest)
                await rest.DrainAsync();
        }
        finally
        {
            call.Meter.WasTurnedDown |= call.HasNext && IsOfUpstream(error, sent);
            await call.Meter.EndAsync(StatusOf(error, context, call.Meter, sent.WasReadWhole));   // nothing to do when the last byte has ended it
        }
        if (call.Request.StreamsBody && sent.Taken > options.MaxUploadBytes && !context.Response.HasStarted)
            return new Refusal.BodyTooLarge(options.MaxUploadBytes);
        var refusal = RefusalOf(error, context);
        if ((refusal is not null || transformer.WasTurnedDown) && !context.Response.HasStarted)
        {
            context.Response.Clear();   // the next upstream's answer, or our own, is another one
            context.Response.Body = answerBody;
            context.Response.Headers["x-request-id"] = call.RequestId.ToString();
        }
        bool? hasFailed = context.RequestAborted.IsCancellationRequested ? null : transformer.HasFailed || IsOfUpstream(error, sent);
        return new AttemptEnd(refusal, hasFailed);
    }

    /// <summary>Whether it is the upstream's fault that there is no answer, and another may do better: silence is none once it has the whole request, since it may be at work.</summary>
    private static bool IsOfUpstream(ForwarderError error, SentStream sent) =>
        error is ForwarderError.Request or ForwarderError.RequestCreation or ForwarderError.RequestBodyDestination || error == ForwarderError.RequestTimedOut && !sent.WasReadWhole;

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
        context.Request.Headers.Upgrade = default;   // YARP would tunnel, past every meter
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
