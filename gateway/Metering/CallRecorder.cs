using Quota.Gateway.Diagnostics;
using Quota.Gateway.Limits;
using Quota.Gateway.Spool;

namespace Quota.Gateway.Metering;

/// <summary>Writes down the begin and the end of calls, in the order that loses nothing: record first, then act.</summary>
internal sealed class CallRecorder(CallSpool spool, Settler settler, CounterTally tally, GraceBook grace, GatewayMetrics metrics)
{
    /// <summary>Before the call is sent upstream.</summary>
    /// <exception cref="IOException">The record could not be written: the call must not be sent.</exception>
    public ValueTask BeginAsync(BeginRecord begin, Hold hold)
    {
        tally.Started(hold);
        return spool.BeginAsync(begin);
    }

    /// <summary>Before the last byte goes to the client: the usage event, then the settle is sent but not waited for.</summary>
    public async ValueTask EndAsync(BeginRecord begin, Hold hold, CallOutcome outcome)
    {
        var seq = await spool.EndAsync(begin, outcome);
        var amounts = settler.AmountsOf(begin, outcome);
        tally.Ended(seq, begin, amounts);
        settler.Send(begin, outcome, amounts);
        if (!hold.IsStored)
            grace.Ended(hold, amounts);
        metrics.CallEnded(begin, outcome);
    }

    /// <summary>The begin record could not be written: nothing was sent, the hold goes back.</summary>
    public void NotBegun(Hold hold, ILimiter limiter)
    {
        tally.NotStarted(hold.RequestId);
        limiter.Release(hold);
    }
}
