using Quota.Shared.ControlPlane;

namespace Quota.Gateway.Limits.Store;

/// <summary>The word of who knows all gateways: the core; in tests one that is played.</summary>
internal interface IEpochOrders
{
    /// <summary>How it stands with an org's counters; see <see cref="EpochQuestion"/>. Null: a core of an earlier version, that says nothing of it.</summary>
    /// <exception cref="StoreClosedException">It does not answer.</exception>
    Task<EpochOrder?> AskAsync(string orgId, bool lost, long? again = null);

    /// <summary>A gathering is done. Nothing when it cannot be said now: it is said again as long as the snapshot names it.</summary>
    Task OpenedAsync(EpochOrder order);
}
