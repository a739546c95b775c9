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
/// What changes on the way: the caller's key for the upstream's credential, identity and forwarding headers dropped, the upstream's
/// rate-limit headers replaced by ours, the answer watched as it passes. Copies headers itself, once, instead of removing what YARP copied.
/// </summary>
internal sealed class CallTransformer(ForwardedCall call) : HttpTransformer
{
    // Of one connection only (RFC 9110, 7.6.1), and those that YARP keeps back with them.
    private static readonly string[] OfOneConnection =
    [
        "Connection", "Keep-Alive", "Proxy-Connection", "Transfer-Encoding", "TE", "Upgrade", "HTTP2-Settings", "Upgrade-Insecure-Requests", "Alt-Svc", "ALPN", "Close",
        "Proxy-Authenticate", "Proxy-Authentication-Info", "Proxy-Authorization", "Proxy-Features", "Proxy-Instruction", "Security-Scheme",
    ];

    // What a client may not say to an upstream: who it is there, or where it comes from.
    private static readonly FrozenSet<string> Dropped = FrozenSet.Create(
        StringComparer.OrdinalIgnoreCase,
        [.. OfOneConnection, .. KeyReader.Headers, "OpenAI-Organization", "OpenAI-Project", "x-request-id", "Idempotency-Key", "Cookie", "Forwarded", "Via", "X-Real-IP", "Accept-Encoding", "Host"]);

    // What an upstream says of our account with it: whose it is, its cookies. Its rate limits go by their prefixes.
    private static readonly FrozenSet<string> DroppedOnReturn = FrozenSet.Create(
        StringComparer.OrdinalIgnoreCase, [.. OfOneConnection, "openai-organization", "openai-project", "anthropic-organization-id", "Set-Cookie", "x-request-id"]);

    private readonly string _id = call.Meter.Begin.Id.ToString();

    public override ValueTask TransformRequestAsync(HttpContext context, HttpRequestMessage proxyRequest, string destinationPrefix, CancellationToken cancellationToken)
    {
        foreach (var (name, values) in context.Request.Headers)
        {
            if (!Dropped.Contains(name) && !name.StartsWith(':') && !name.StartsWith("X-Forwarded-", StringComparison.OrdinalIgnoreCase))
                Add(proxyRequest, name, values);
        }
        proxyRequest.RequestUri = call.Upstream.AddressOf(call.Route);   // without the query: it may hold the caller's key
        call.Adapter.Authorize(proxyRequest.Headers, call.Upstream.Credential);
        proxyRequest.Headers.TryAddWithoutValidation("Accept-Encoding", "identity");
        proxyRequest.Headers.TryAddWithoutValidation("x-request-id", _id);
        return ValueTask.CompletedTask;
    }

    public override async ValueTask<bool> TransformResponseAsync(HttpContext context, HttpResponseMessage? proxyResponse, CancellationToken cancellationToken)
    {
        if (proxyResponse is null)
            return true;
        var meter = call.Meter;
        meter.Answered((int)proxyResponse.StatusCode, RequestIdOf(proxyResponse));
        var headers = context.Response.Headers;
        Copy(proxyResponse.Headers.NonValidated, headers);
        Copy(proxyResponse.Content.Headers.NonValidated, headers);
        if (proxyResponse.Headers.NonValidated.Contains("Transfer-Encoding") || (int)proxyResponse.StatusCode is 204 or 205)
            headers.ContentLength = null;   // chunks say the length (RFC 9112, 6.3), and what has no body has none
        headers["x-request-id"] = _id;
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

    private static void Add(HttpRequestMessage request, string name, StringValues values)
    {
        if (values is [{ } value])
        {
            if (!request.Headers.TryAddWithoutValidation(name, value))
                request.Content?.Headers.TryAddWithoutValidation(name, value);
        }
        else if (!request.Headers.TryAddWithoutValidation(name, (IEnumerable<string?>)values))
            request.Content?.Headers.TryAddWithoutValidation(name, (IEnumerable<string?>)values);
    }

    private static void Copy(HttpHeadersNonValidated from, IHeaderDictionary to)
    {
        foreach (var (name, values) in from)
        {
            if (DroppedOnReturn.Contains(name) || IsOfLimits(name))
                continue;
            if (values.Count <= 1)
                to[name] = values.ToString();
            else
                to[name] = (string[])[.. values];
        }
    }

    /// <summary>The upstream's rate limits are of our account with it; and of quotas only we speak.</summary>
    private static bool IsOfLimits(string name) =>
        name.StartsWith("x-ratelimit-", StringComparison.OrdinalIgnoreCase) || name.StartsWith("anthropic-ratelimit-", StringComparison.OrdinalIgnoreCase)
        || name.StartsWith("RateLimit", StringComparison.OrdinalIgnoreCase)
        || name.StartsWith("x-quota-", StringComparison.OrdinalIgnoreCase);

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
