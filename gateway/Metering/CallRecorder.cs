using Quota.Gateway.Diagnostics;
using Quota.Gateway.Limits;
using Quota.Gateway.Limits.Store;
using Quota.Gateway.Spool;

namespace Quota.Gateway.Metering;

/// <summary>Writes down the begin and the end of calls, in the order that loses nothing: record first, then act.</summary>
internal sealed class CallRecorder(CallSpool spool, Settler settler, QuotaStore store, CounterTally tally, GraceBook grace, GatewayMetrics metrics, GatewayClock clock)
{
    /// <summary>Before the call is sent upstream.</summary>
    /// <exception cref="IOException">The record could not be written: the call must not be sent.</exception>
    /// <exception cref="StoreClosedException">The counters are no longer those it was held on: the call must not be sent.</exception>
    public ValueTask BeginAsync(BeginRecord begin, Hold hold)
    {
        tally.Started(hold);
        // A rebuild closes the epoch before it looks at the tally: either it has seen this call, or this call sees that it is closed.
        if (hold.IsStored && store.Epoch(hold.OrgId).Id != hold.Epoch)
            throw new StoreClosedException("the counters are being rebuilt");
        return spool.BeginAsync(begin);
    }

    /// <summary>Before the last byte goes to the client: the usage event, then the settle is sent but not waited for.</summary>
    public async ValueTask EndAsync(BeginRecord begin, Hold hold, CallOutcome outcome)
    {
        var seq = await spool.EndAsync(begin, outcome);
        var amounts = settler.AmountsOf(begin, outcome);
        if (hold.IsStored)
            tally.Ended(seq, begin, amounts);
        else
        {
            tally.NotStarted(hold.RequestId);   // used from when it is charged on, so that a rebuild before that does not count it, too
            grace.Ended(hold, amounts);
        }
        settler.Send(new EndedCall(begin, outcome, amounts, seq));
        metrics.CallEnded(begin, outcome);
    }

    /// <summary>
    /// An estimate was written down and the truth came after it: an event of its own says the difference. No counter has it; the core's seeds
    /// take it up (protocols.md, A7).
    /// </summary>
    /// <exception cref="IOException">The spool's disk failed: the estimate stands.</exception>
    public async ValueTask CorrectAsync(BeginRecord begin, CallOutcome estimate, CallOutcome truth)
    {
        var correction = begin with
        {
            Id = Guid.CreateVersion7(clock.GetUtcNow()), RequestId = begin.RequestId ?? begin.Id, Corrects = begin.Id, IsHeld = false, Held = null, Counters = [],
        };
        await spool.BeginAsync(correction);
        var seq = await spool.EndAsync(correction, truth with { InsteadOf = estimate });
        tally.Ended(seq, correction, []);
        spool.Settled(new SettledRecord(correction.Id, null, null));
        metrics.Corrected(begin);
    }

    /// <summary>The begin record could not be written: nothing was sent, the hold goes back.</summary>
    public void NotBegun(Hold hold, ILimiter limiter)
    {
        tally.NotStarted(hold.RequestId);
        limiter.Release(hold);
    }
}
