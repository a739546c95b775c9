using System.Net.Http.Headers;
using Quota.Gateway.Keys;
using Quota.Gateway.Limits;
using Quota.Gateway.Metering;
using Quota.Gateway.Providers;
using Yarp.ReverseProxy.Forwarder;

namespace Quota.Gateway.Forwarding;

/// <summary>
/// What changes on the way: the caller's key for the upstream's credential, identity and forwarding headers dropped, the upstream's
/// rate-limit headers replaced by ours, the answer watched as it passes.
/// </summary>
internal sealed class CallTransformer(Upstream upstream, string path, ProviderRequest request, CallMeter call, Hold hold) : HttpTransformer
{
    // What a client may not say to an upstream: who it is there, or where it comes from.
    private static readonly string[] Dropped =
    [
        .. KeyReader.Headers, "OpenAI-Organization", "OpenAI-Project", "x-request-id", "Idempotency-Key", "Cookie", "Forwarded", "Via", "X-Real-IP", "Accept-Encoding", "Proxy-Authorization",
    ];

    public override async ValueTask TransformRequestAsync(HttpContext context, HttpRequestMessage proxyRequest, string destinationPrefix, CancellationToken cancellationToken)
    {
        await base.TransformRequestAsync(context, proxyRequest, destinationPrefix, cancellationToken);
        proxyRequest.RequestUri = upstream.AddressOf(path);   // without the query: it may hold the caller's key
        proxyRequest.Headers.Host = null;
        foreach (var header in Dropped)
            proxyRequest.Headers.Remove(header);
        foreach (var name in proxyRequest.Headers.Where(header => header.Key.StartsWith("X-Forwarded-", StringComparison.OrdinalIgnoreCase)).Select(header => header.Key).ToArray())
            proxyRequest.Headers.Remove(name);
        proxyRequest.Headers.Authorization = new AuthenticationHeaderValue("Bearer", upstream.Credential);
        proxyRequest.Headers.TryAddWithoutValidation("Accept-Encoding", "identity");
        proxyRequest.Headers.TryAddWithoutValidation("x-request-id", call.Begin.Id.ToString());
    }

    public override async ValueTask<bool> TransformResponseAsync(HttpContext context, HttpResponseMessage? proxyResponse, CancellationToken cancellationToken)
    {
        if (proxyResponse is null)
            return true;
        call.Answered((int)proxyResponse.StatusCode, proxyResponse.Headers.TryGetValues("x-request-id", out var ids) ? ids.First() : null);
        await base.TransformResponseAsync(context, proxyResponse, cancellationToken);
        var headers = context.Response.Headers;
        foreach (var name in headers.Keys.Where(IsTheUpstreamsOwn).ToArray())
            headers.Remove(name);
        headers["x-request-id"] = call.Begin.Id.ToString();
        LimitHeaders.Write(headers, hold);
        if (!proxyResponse.IsSuccessStatusCode)
        {
            await call.EndAsync(Shared.Usage.UsageStatus.Failed);   // the provider bills nothing for it; its own words go to the client
            return true;
        }
        if (request.HidesUsage)
            context.Response.ContentLength = null;
        var length = proxyResponse.Content.Headers.ContentLength;
        proxyResponse.Content = new ObservedContent(proxyResponse.Content, content => new UsageObservingStream(content, call, length, request.HidesUsage));
        return true;
    }

    /// <summary>What an upstream says of our account with it: its rate limits, whose it is, its cookies.</summary>
    private static bool IsTheUpstreamsOwn(string name) =>
        name.StartsWith("x-ratelimit-", StringComparison.OrdinalIgnoreCase) || name.StartsWith("RateLimit", StringComparison.OrdinalIgnoreCase)
        || name.Equals("openai-organization", StringComparison.OrdinalIgnoreCase) || name.Equals("openai-project", StringComparison.OrdinalIgnoreCase)
        || name.Equals("Set-Cookie", StringComparison.OrdinalIgnoreCase);
}
