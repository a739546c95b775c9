using Quota.Gateway.ControlPlane;
using Quota.Gateway.Limits;
using Quota.Gateway.Limits.Store;
using Quota.Gateway.Shipping;

namespace Quota.Gateway.Lost;

/// <summary>
/// Looks for the holds of gateways that were declared lost, and sends the events of their calls until each is confirmed. Once
/// nothing of a gateway is held or open any more it is done with, until the next start. Several gateways do so: the core takes the first of each event.
/// </summary>
internal sealed class LostSweep(CurrentControl control, QuotaStore store, LostHolds holds, IEventSink sink, GatewayIdentity identity, LimitsOptions options, GatewayClock clock, ILogger<LostSweep> log) : BackgroundService
{
    /// <summary>Events that are sent at once.</summary>
    private const int MostAtOnce = 500;

    private readonly HashSet<string> _done = [];
    private readonly HashSet<Guid> _told = [];

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        if (!sink.TakesNotes)
            return;   // events go elsewhere than to the core that says who is lost
        while (!stoppingToken.IsCancellationRequested)
        {
            await Task.Delay(options.HoldDeadline / 3 * (0.5 + Random.Shared.NextDouble()), clock, stoppingToken);   // not all of them at once
            if (control.Now is not { } state || state.Snapshot.Lost.Select(lost => lost.Instance).Where(name => name != identity.Instance && !_done.Contains(name)).ToHashSet() is not { Count: > 0 } lost)
                continue;
            try
            {
                if (await SweepAsync(lost, state, stoppingToken))
                    _done.UnionWith(lost);
            }
            catch (Exception problem) when (!stoppingToken.IsCancellationRequested)
            {
                log.SweepWaits(problem.Message);   // whatever it is, calls go on
            }
        }
    }

    /// <summary>True when nothing of them is left to wait for.</summary>
    private async Task<bool> SweepAsync(HashSet<string> lost, ControlState state, CancellationToken cancel)
    {
        var (isDone, events) = (true, new Dictionary<Guid, byte[]>());
        await foreach (var hold in store.HoldsOfAsync(lost).WithCancellation(cancel))
        {
            if (hold.State == "released" || _told.Contains(hold.RequestId))
                continue;
            var epoch = await InForceAsync(hold.OrgId);
            if (hold.State != "settled" && (epoch is null || (hold.State == "held" && hold.Epoch == epoch)))
                isDone = false;   // until it is reaped, or the counters are open again
            else if ((hold.State == "settled" || hold.Epoch == epoch || await IsLastWordAsync(hold)) && await holds.EventOfAsync(hold, state, hold.Epoch == epoch) is { } made)
                events[hold.RequestId] = made;
            if (events.Count == MostAtOnce)
                await SendAsync(events, cancel);
        }
        await SendAsync(events, cancel);
        return isDone;
    }

    /// <summary>
    /// A hold of an epoch that was left stays as it was then. It is of a call that ended with its gateway, unless that one took its holds along: then the
    /// epoch in force knows it, at least for as long as tombstones are kept.
    /// </summary>
    private async Task<bool> IsLastWordAsync(FoundHold hold) =>
        store.RealNowMs < hold.DeadlineMs + (options.ReceiptTtl - 2 * options.HoldDeadline).TotalMilliseconds && await store.ReadHoldAsync(hold.OrgId, hold.RequestId) is null;

    /// <summary>Null while the org's counters are closed: that holds up no other org.</summary>
    private async ValueTask<string?> InForceAsync(string orgId)
    {
        try
        {
            return await store.Epoch(orgId).OpenAsync();
        }
        catch (StoreClosedException)
        {
            return null;
        }
    }

    /// <summary>Whatever the core says to an event but that it comes later, it is done with: what it has already, it keeps.</summary>
    private async Task SendAsync(Dictionary<Guid, byte[]> events, CancellationToken cancel)
    {
        if (events.Count == 0)
            return;
        switch (await sink.SendAsync(new ShipBatch([.. events.Values], []), cancel))
        {
            case ShipReply.Stored:
                log.EventsMade(events.Count);
                _told.UnionWith(events.Keys);
                events.Clear();
                break;
            case ShipReply.Later later:
                throw new StoreClosedException(later.Problem);
            case ShipReply.Refused refused:
                throw new StoreClosedException(refused.Reason);
        }
    }
}
