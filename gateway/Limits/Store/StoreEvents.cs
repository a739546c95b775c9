using Quota.Shared.ControlPlane;

namespace Quota.Gateway.Limits.Store;

/// <summary>What lanes tell the rest of the room. Filled in by those who listen, before the first call.</summary>
internal sealed class StoreEvents(ILogger<StoreEvents> log)
{
    /// <summary>Rebuilds an org's counters from what this gateway knows.</summary>
    public Func<OrgEpoch, Task> RebuildAsync { get; set; } = epoch => throw new StoreClosedException($"nothing to rebuild {epoch.OrgId} from");

    /// <summary>What this gateway knows of an org's counters, for a new epoch.</summary>
    public Func<string, IReadOnlyList<StoreOp>> Content { get; set; } = org => throw new StoreClosedException($"nothing to rebuild {org} from");

    /// <summary>The core's word on epochs; null stand-alone.</summary>
    public IEpochOrders? Orders { get; set; }

    /// <summary>Whether a gateway was declared lost.</summary>
    public Func<string, bool> IsLost { get; set; } = _ => false;

    /// <summary>Facts of an org are waiting in the store.</summary>
    public Action<string> Told { get; set; } = _ => { };

    private long _lastSilentMs = -1000;

    /// <summary>The store could not be used: said once a second, not once a call.</summary>
    public void Silent(string problem)
    {
        var (now, last) = (Environment.TickCount64, Volatile.Read(ref _lastSilentMs));
        if (now - last >= 1000 && Interlocked.CompareExchange(ref _lastSilentMs, now, last) == last)
            log.StoreSilent(problem);
    }

    /// <summary>A guard failed.</summary>
    public Action<string> GuardFailed { get; set; } = _ => { };

    public void Suspected(string orgId, string guard)
    {
        log.CountersSuspect(orgId, guard);
        GuardFailed(guard);
    }

    public void Rebuilt(string orgId, int entries) => log.CountersRebuilt(orgId, entries);

    public void Gathering(string orgId, EpochOrder order, int entries) => log.CountersGathered(orgId, order.Generation, entries, order.Participants.Count);

    public void NotReopened(string orgId, Exception problem) => log.NotReopened(orgId, problem.GetType().Name, problem.Message);
}
