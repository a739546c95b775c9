using System.Security.Cryptography;
using System.Text;
using StackExchange.Redis;

namespace Quota.Gateway.Limits;

/// <summary>
/// The only file that spells Redis keys. All keys of an org share the hash tag <c>{org id}</c>, so that one script call works on
/// Redis Cluster. Text that users chose enters a key only as a 128-bit hash.
/// </summary>
internal static class QuotaKeys
{
    /// <summary>A request's hold: state, counters, quantities, deadline, receipt.</summary>
    public static RedisKey Hold(string orgId, Guid requestId) => $"q:{{{orgId}}}:h:{requestId:N}";

    /// <summary>The org's open holds by deadline.</summary>
    public static RedisKey Deadlines(string orgId) => $"q:{{{orgId}}}:x";

    public static RedisKey Counter(string orgId, string counterId) => $"q:{{{orgId}}}:c:{counterId}";

    /// <summary>The last part of a counter's key, as events list it under <c>counted</c>.</summary>
    public static string CounterId(string counterKey) => counterKey[(counterKey.LastIndexOf(':') + 1)..];

    /// <summary>
    /// Names a counter by what it counts: node, meter, window kind and anchor, window start, currency; 32 hex digits. The limit's
    /// code, amount and mode are not in it, so editing them moves no usage.
    /// </summary>
    public static string CounterId(string nodeId, string meter, string window, long windowStartMs, string? currency)
    {
        var text = string.Join('\n', nodeId, meter, window, windowStartMs.ToString(CultureInfo.InvariantCulture), currency ?? "");
        return Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text)).AsSpan(0, 16));
    }
}
