namespace Quota.Gateway.Limits;

/// <summary>
/// The only file that spells Redis keys. All keys of an org share the hash tag <c>{org id}</c>, so that one script call works on
/// Redis Cluster; the org's id is 32 hex digits, never a name, and text that users chose enters a key only as a 128-bit hash. All but
/// the epoch hash, the gathering and the facts carry the epoch, so that a new epoch begins with nothing of the old.
/// </summary>
internal static class QuotaKeys
{
    public static string Epoch(string orgId) => $"q:{{{orgId}}}:e";

    /// <summary>How far the gathering of counters is; of no epoch, since it outlives them.</summary>
    public static string Gathering(string orgId) => $"q:{{{orgId}}}:g";

    /// <summary>What the core is to be told.</summary>
    public static string Facts(string orgId) => $"q:{{{orgId}}}:out";

    /// <summary>The org's open holds by deadline.</summary>
    public static string Deadlines(string orgId, string epoch) => $"q:{{{orgId}}}:{epoch}:x";

    /// <summary>A request's hold: state, counters, quantities, deadline, the note of its call, receipt.</summary>
    public static string Hold(string orgId, string epoch, Guid requestId) => $"q:{{{orgId}}}:{epoch}:h:{requestId:N}";

    /// <summary>The pattern of every org's hold keys, in every epoch.</summary>
    public const string Holds = "q:{*}:*:h:*";

    /// <summary>Whose hold it is, from its key.</summary>
    public static bool TryParseHold(string key, out string orgId, out string epoch, out Guid requestId)
    {
        (orgId, epoch, requestId) = ("", "", default);
        if (key.Split(':') is not ["q", ['{', .. var org, '}'], var its, "h", var id] || !Guid.TryParseExact(id, "N", out requestId))
            return false;
        (orgId, epoch) = (org, its);
        return true;
    }

    public static string Counter(string orgId, string epoch, string counterId) => $"q:{{{orgId}}}:{epoch}:c:{counterId}";
}
