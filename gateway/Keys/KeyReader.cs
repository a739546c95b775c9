namespace Quota.Gateway.Keys;

/// <summary>
/// Where clients put their key: <c>Authorization: Bearer</c>, <c>x-api-key</c>, <c>api-key</c>, <c>x-goog-api-key</c>, <c>?key=</c>.
/// None of them is ever forwarded.
/// </summary>
internal static class KeyReader
{
    public const string QueryName = "key";

    /// <summary>Headers that carry a caller's key.</summary>
    public static readonly IReadOnlyList<string> Headers = ["Authorization", "x-api-key", "api-key", "x-goog-api-key"];

    /// <summary>The secret that the request names, or empty.</summary>
    public static ReadOnlySpan<char> Read(HttpRequest request)
    {
        const string bearer = "Bearer ";
        if (request.Headers.Authorization is [{ } authorization] && authorization.StartsWith(bearer, StringComparison.OrdinalIgnoreCase))
            return authorization.AsSpan(bearer.Length).Trim();
        foreach (var header in Headers.Skip(1))
        {
            if (request.Headers[header] is [{ Length: > 0 } secret])
                return secret;
        }
        return request.Query[QueryName] is [{ Length: > 0 } query] ? query : default;
    }
}
