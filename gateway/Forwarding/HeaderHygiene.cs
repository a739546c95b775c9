using System.Collections.Frozen;
using System.Net.Http.Headers;
using Microsoft.Extensions.Primitives;
using Quota.Gateway.Keys;
using Quota.Gateway.Providers;

namespace Quota.Gateway.Forwarding;

/// <summary>
/// Which headers pass, and how: the caller's key gives way to the upstream's credential, identity and forwarding headers are dropped, so is
/// what the upstream says of our account. Copies headers itself, once, instead of removing what YARP copied.
/// </summary>
internal static class HeaderHygiene
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
        [
            .. OfOneConnection, .. KeyReader.Headers, "Ocp-Apim-Subscription-Key", "X-Amz-Security-Token", "X-Goog-IAM-Authorization-Token", "X-Goog-IAM-Authority-Selector", "Cookie",
            "OpenAI-Organization", "OpenAI-Project", "ChatGPT-Account-ID", "X-Goog-User-Project", "From", "x-request-id", "Idempotency-Key",
            "Forwarded", "Via", "X-Real-IP", "X-Client-IP", "X-Cluster-Client-IP", "True-Client-IP", "CF-Connecting-IP", "Accept-Encoding", "Host",
        ]);

    // The same, of which there are many: of proxies before us, and who Azure's sign-in found the client to be.
    private static readonly string[] DroppedBeginnings = ["X-Forwarded-", "X-Original-", "x-ms-client-principal"];

    // Query parameters by which a client says who it is (RFC 6750, 2.3; cloud.google.com/apis/docs/system-parameters).
    private static readonly FrozenSet<string> DroppedOfQuery = FrozenSet.Create(StringComparer.OrdinalIgnoreCase, ["access_token", "oauth_token", "quotaUser", "$quotaUser", "userIp"]);

    // What an upstream says of our account with it: whose it is, its cookies. Its rate limits go by their prefixes.
    private static readonly FrozenSet<string> DroppedOnReturn = FrozenSet.Create(
        StringComparer.OrdinalIgnoreCase, [.. OfOneConnection, "openai-organization", "openai-project", "anthropic-organization-id", "Set-Cookie", "x-request-id"]);

    /// <summary>Headers and address of the request as it goes upstream.</summary>
    public static void Send(HttpContext context, HttpRequestMessage request, IProviderAdapter adapter, Upstream upstream, Uri address, SplicedBody body, string id)
    {
        var named = Named(context.Request.Headers.Connection);
        foreach (var (name, values) in context.Request.Headers)
        {
            if (!Dropped.Contains(name) && !name.StartsWith(':') && !BeginsAsDropped(name) && !named.Contains(name, StringComparer.OrdinalIgnoreCase))
                Add(request, name, values);
        }
        request.RequestUri = Without(address, DroppedOfQuery);
        request.Headers.TryAddWithoutValidation("Accept-Encoding", "identity");
        request.Headers.TryAddWithoutValidation("x-request-id", id);
        adapter.Authorize(request, upstream, body);
    }

    /// <summary>Headers of the answer as they go to the client.</summary>
    public static void Return(HttpResponseMessage answer, IHeaderDictionary headers, string id)
    {
        var named = answer.Headers.NonValidated.TryGetValues("Connection", out var connection) ? Named(connection.ToString()) : [];
        Copy(answer.Headers.NonValidated, headers, named);
        Copy(answer.Content.Headers.NonValidated, headers, named);
        if (answer.Headers.NonValidated.Contains("Transfer-Encoding") || (int)answer.StatusCode is 204 or 205)
            headers.ContentLength = null;   // chunks say the length (RFC 9112, 6.3), and what has no body has none
        headers["x-request-id"] = id;
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

    /// <summary>The address without some parameters of its query, whichever way their names are escaped.</summary>
    public static Uri Without(Uri address, FrozenSet<string> names)
    {
        if (address.Query.Length <= 1)
            return address;
        var parts = address.Query[1..].Split('&');
        var kept = parts.Where(part => !names.Contains(Uri.UnescapeDataString(part.Split('=')[0].Replace('+', ' ')))).ToArray();
        return kept.Length == parts.Length ? address : new Uri(address.GetLeftPart(UriPartial.Path) + (kept.Length == 0 ? "" : "?" + string.Join('&', kept)));
    }

    /// <summary>Names of headers that are of one connection because its header <c>Connection</c> says so (RFC 9110, 7.6.1).</summary>
    private static string[] Named(StringValues connection) =>
        connection.Count == 0 ? [] : connection.ToString().Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);

    private static bool BeginsAsDropped(string name) => Array.Exists(DroppedBeginnings, beginning => name.StartsWith(beginning, StringComparison.OrdinalIgnoreCase));

    private static void Copy(HttpHeadersNonValidated from, IHeaderDictionary to, string[] named)
    {
        foreach (var (name, values) in from)
        {
            if (!Returns(name) || named.Contains(name, StringComparer.OrdinalIgnoreCase))
                continue;
            if (values.Count <= 1)
                to[name] = values.ToString();
            else
                to[name] = (string[])[.. values];
        }
    }

    /// <summary>Whether a header or trailer of an answer goes to the client.</summary>
    public static bool Returns(string name) => !DroppedOnReturn.Contains(name) && !IsOfLimits(name);

    /// <summary>The upstream's rate limits are of our account with it; and of quotas only we speak.</summary>
    private static bool IsOfLimits(string name) =>
        name.StartsWith("x-ratelimit-", StringComparison.OrdinalIgnoreCase) || name.StartsWith("anthropic-ratelimit-", StringComparison.OrdinalIgnoreCase)
        || name.StartsWith("RateLimit", StringComparison.OrdinalIgnoreCase)
        || name.StartsWith("x-quota-", StringComparison.OrdinalIgnoreCase);
}
