namespace Quota.Billing.Http;

/// <summary>Settings under <c>Http</c>.</summary>
internal sealed class HttpOptions
{
    public const string DefaultUrls = "http://127.0.0.1:8090";

    /// <summary>Largest body, after decompression; 1 KB to 1 GB, 10 MB by default. A route may set its own.</summary>
    public long MaxBodyBytes { get; set; } = 10 * 1024 * 1024;
}
