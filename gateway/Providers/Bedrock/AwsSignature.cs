using System.Security.Cryptography;
using System.Text;

namespace Quota.Gateway.Providers.Bedrock;

/// <summary>
/// Amazon's Signature Version 4 in a header (docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html). Pure: what
/// is signed comes in as it goes over the wire. Of the SDK's own signer no part is public.
/// </summary>
/// <param name="At">When it is signed; Amazon takes it for five minutes.</param>
internal sealed record AwsSignature(AwsKey Key, string Region, string Service, DateTimeOffset At)
{
    private const string Algorithm = "AWS4-HMAC-SHA256";

    /// <summary>Its header <c>x-amz-date</c>.</summary>
    public string Date => At.UtcDateTime.ToString("yyyyMMdd'T'HHmmss'Z'", CultureInfo.InvariantCulture);

    private string Day => Date[..8];

    private string Scope => $"{Day}/{Region}/{Service}/aws4_request";

    /// <summary>The value of the header <c>Authorization</c>.</summary>
    /// <param name="path">As it is sent. Its escapes are escaped once more, which every service but S3 wants; dots and double slashes are left as they are.</param>
    /// <param name="query">As it is sent: empty, or with its question mark.</param>
    /// <param name="headers">What is signed: names in lower case, in order, <c>host</c> among them.</param>
    /// <param name="body">SHA-256 of the body.</param>
    public string Of(string method, string path, string query, IReadOnlyList<(string Name, string Value)> headers, ReadOnlySpan<byte> body)
    {
        var signed = string.Join(';', headers.Select(header => header.Name));
        var request = $"{method}\n{Path(path)}\n{Query(query)}\n{string.Concat(headers.Select(header => $"{header.Name}:{header.Value.Trim()}\n"))}\n{signed}\n{Convert.ToHexStringLower(body)}";
        var text = $"{Algorithm}\n{Date}\n{Scope}\n{Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(request)))}";
        byte[] key = [.. "AWS4"u8, .. Encoding.UTF8.GetBytes(Key.Secret)];
        foreach (var part in (ReadOnlySpan<string>)[Day, Region, Service, "aws4_request"])
            key = HMACSHA256.HashData(key, Encoding.UTF8.GetBytes(part));
        return $"{Algorithm} Credential={Key.Id}/{Scope}, SignedHeaders={signed}, Signature={Convert.ToHexStringLower(HMACSHA256.HashData(key, Encoding.UTF8.GetBytes(text)))}";
    }

    private static string Path(string path) => path.Length == 0 ? "/" : string.Join('/', path.Split('/').Select(Uri.EscapeDataString));

    /// <summary>Names and values escaped once, in the order of the escaped.</summary>
    private static string Query(string query) => string.Join('&', query.TrimStart('?').Split('&', StringSplitOptions.RemoveEmptyEntries)
        .Select(part => part.Split('=', 2))
        .Select(pair => (Name: Escaped(pair[0]), Value: pair.Length > 1 ? Escaped(pair[1]) : ""))
        .OrderBy(pair => pair.Name, StringComparer.Ordinal).ThenBy(pair => pair.Value, StringComparer.Ordinal)
        .Select(pair => $"{pair.Name}={pair.Value}"));

    private static string Escaped(string text) => Uri.EscapeDataString(Uri.UnescapeDataString(text));
}

/// <summary>An access key of an account, with the token of its session when it has one.</summary>
internal sealed record AwsKey(string Id, string Secret, string? SessionToken)
{
    /// <summary>Reads <c>ACCESS_KEY_ID:SECRET[:SESSION_TOKEN]</c>; null for anything else, as a key of Bedrock itself, which has no colon.</summary>
    public static AwsKey? Parse(string credential) => credential.Split(':', 3) switch
    {
        [{ Length: > 0 } id, { Length: > 0 } secret] => new AwsKey(id, secret, null),
        [{ Length: > 0 } id, { Length: > 0 } secret, { Length: > 0 } token] => new AwsKey(id, secret, token),
        _ => null,
    };

    /// <summary>Without the secret, so that it cannot get into a log.</summary>
    public override string ToString() => Id;
}
