using System.Text.Json;
using Quota.Gateway.ControlPlane;
using Quota.Gateway.Limits;
using Quota.Gateway.Limits.Store;
using Quota.Gateway.Metering;
using Quota.Gateway.Spool;
using Quota.Shared.Usage;

namespace Quota.Gateway.Lost;

/// <summary>
/// Makes the event of a call from its hold, for a gateway that was declared lost (protocols.md, C4): exact by its receipt, else <c>abandoned</c>. Any
/// gateway that makes it makes the same bytes, so nothing says which did.
/// </summary>
internal sealed class LostHolds(QuotaStore store, Settler settler, ILogger<LostHolds> log)
{
    /// <summary>
    /// A hold that was reaped is settled first, by what its event will say. Then whatever receipt is there by now makes the event, be it another's, or
    /// the owner's own that came back: counters and event agree.
    /// </summary>
    /// <param name="isInForce">Whether its epoch is; in one that was left there is nothing to settle.</param>
    /// <returns>The event's bytes; null when there is nothing to tell.</returns>
    /// <exception cref="StackExchange.Redis.RedisException">The store does not answer; say it again. As well <see cref="TimeoutException"/>, <see cref="StoreClosedException"/>.</exception>
    public async Task<byte[]?> EventOfAsync(FoundHold hold, ControlState state, bool isInForce = true)
    {
        if (CallNote.Read(hold.Note)?.BeginOf(hold, state) is not { } begin)
        {
            log.NoEvent(hold.RequestId, hold.Owner);
            return null;
        }
        var (receipt, abandoned) = (hold.Receipt, UsageEventComposer.Abandoned(begin));
        if (!isInForce && hold.State != "settled")
            return Write(begin, abandoned, hold.Owner);
        if (hold.State == "reaped")
        {
            await store.SettleAsync(hold.OrgId, hold.RequestId, hold.Counters, settler.AmountsOf(begin, abandoned), CallReceipt.Write(abandoned, seq: null));
            receipt = (await store.ReadHoldAsync(hold.OrgId, hold.RequestId))?.Receipt;
        }
        return CallReceipt.Read(receipt) is { } outcome ? Write(begin, outcome, hold.Owner) : null;
    }

    private static byte[] Write(BeginRecord begin, CallOutcome outcome, string owner) =>
        JsonSerializer.SerializeToUtf8Bytes(UsageEventComposer.Compose(begin, outcome, owner, outcome.Seq ?? 0) with { Lost = true }, UsageJson.Default.UsageEvent);
}
