using System.Text;

namespace Quota.Gateway.Limits.Store;

/// <summary>Writes what an org's counters start from into an epoch that is not open yet.</summary>
internal sealed class EpochFill(string orgId, StoreConnection connection, LimitsOptions options, GatewayIdentity identity)
{
    /// <summary>Counters and holds that are written in one call.</summary>
    public const int MostAtOnce = 64;

    /// <returns>Null: written. Else the store is not in this epoch any more, and the answer of <c>batch.lua</c> that says so.</returns>
    public async Task<string?> PutAsync(string epoch, IReadOnlyList<StoreOp> ops)
    {
        var (keys, arguments) = new BatchWriter(orgId, options, identity).Write(ops, epoch, 0, connection.OffsetMs, isFirst: true);
        var reply = await connection.EvaluateAsync(StoreConnection.BatchOf("", isFrequent: false), keys, arguments, isFirst: true);
        return reply[0].AsSpan().StartsWith("suspect"u8) ? Encoding.ASCII.GetString(reply[0]) : null;
    }
}
