using System.Threading.Channels;
using Quota.Gateway.Limits;
using Quota.Gateway.Limits.Store;
using Quota.Gateway.Spool;
using Quota.Shared.Amounts;
using Quota.Shared.ControlPlane;
using StackExchange.Redis;

namespace Quota.Gateway.Metering;

/// <summary>
/// Settles holds to what was used. Sent at once and not waited for; repeated in the background until the store has answered. Should the
/// queue of repeats be full, or the process die, the spool still knows the call as unsettled and the next start settles it.
/// </summary>
internal sealed class Settler(QuotaStore store, CallSpool spool, CounterTally tally, IEnumerable<ILimitKind> kinds, ReleaseQueue releases, StoreEvents events, LimitsOptions options, GatewayClock clock, ILogger<Settler> log)
    : BackgroundService
{
    private readonly Dictionary<string, ILimitKind> _kinds = kinds.ToDictionary(kind => kind.Name);
    private readonly Channel<EndedCall> _repeats =
        Channel.CreateBounded<EndedCall>(new BoundedChannelOptions(100_000) { FullMode = BoundedChannelFullMode.DropWrite });

    /// <summary>What the call used on each of its counters.</summary>
    public IReadOnlyList<ExactNanos> AmountsOf(BeginRecord begin, CallOutcome outcome)
    {
        var (amounts, price) = (new ExactNanos[begin.Counters.Count], begin.PriceOf(outcome));
        for (var i = 0; i < amounts.Length; i++)
            amounts[i] = outcome.WasTurnedDown && begin.Counters[i] is { IsRate: true, Meter: Meters.Requests } ? default : _kinds[begin.Counters[i].Meter].Used(outcome.Usage, price, begin.Counters[i].IsRate);
        return amounts;
    }

    /// <summary>Sends the settle on the way that later reserves go, before them or with them, and returns without waiting for the answer.</summary>
    public void Send(EndedCall call) => _ = SendAsync(call);

    /// <summary>Settles and notes it in the spool.</summary>
    /// <exception cref="RedisException">No usable answer; say it again.</exception>
    /// <exception cref="TimeoutException">The same.</exception>
    /// <exception cref="StoreClosedException">The same.</exception>
    public async Task SettleAsync(EndedCall call, bool canWait = false)
    {
        var begin = call.Begin;
        var receipt = CallReceipt.Write(call.Outcome, call.Seq);
        var added = begin.IsHeld
            ? await store.SettleAsync(begin.OrgId, begin.Id, [.. begin.Counters.Select(counter => counter.Id)], call.Amounts, receipt, canWait)
            : await store.ChargeAsync(begin.OrgId, begin.Id, [.. begin.Counters.Select((counter, i) => new ChargedCounter(counter.Id, counter.Kind, counter.EndsAtMs, call.Amounts[i]))], receipt);
        if (!begin.IsHeld)
            tally.Ended(call.Seq, begin, call.Amounts);
        spool.Settled(Settled(begin, added));
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        await foreach (var call in _repeats.Reader.ReadAllAsync(stoppingToken))
        {
            if (await TryAsync(call))
                continue;
            if (!call.Begin.IsHeld)
                releases.Add(call.Begin.OrgId, call.Begin.Id);   // the reserve that got no answer may have made a hold after all
            _repeats.Writer.TryWrite(call);   // to the end: one that keeps failing holds up no other
            await Task.Delay(options.RedisTimeout, clock, stoppingToken);
        }
    }

    private async Task SendAsync(EndedCall call)
    {
        if (!await TryAsync(call, canWait: true))
            _repeats.Writer.TryWrite(call);
    }

    private async Task<bool> TryAsync(EndedCall call, bool canWait = false)
    {
        try
        {
            await SettleAsync(call, canWait);
            return true;
        }
        catch (IOException problem)
        {
            log.SettleUnanswered(call.Begin.Id, problem.Message);   // settled, but the spool's disk failed: the next start says it again, harmlessly
            return true;
        }
        catch (Exception problem) when (problem is RedisException or TimeoutException or StoreClosedException)
        {
            events.Silent(problem.Message);
            return false;
        }
        catch (Exception problem) when (problem is not OperationCanceledException)
        {
            log.SettleUnanswered(call.Begin.Id, problem.Message);
            return false;
        }
    }

    /// <summary>What the call added to the broadest spend counter it touched is its spend; the parts of all calls add up to the counter.</summary>
    private static SettledRecord Settled(BeginRecord begin, IReadOnlyList<long>? added)
    {
        for (var i = 0; added is not null && i < begin.Counters.Count; i++)
        {
            if (begin.Counters[i].Meter == Meters.Spend && !begin.Counters[i].IsRate)
                return new SettledRecord(begin.Id, NanoUnits.ToText(added[i], begin.PriceFunction.Currency), begin.PriceFunction.Currency.Code);
        }
        return new SettledRecord(begin.Id, null, null);
    }
}

/// <summary>A call and what it used on each of its counters.</summary>
/// <param name="Seq">The number of its event.</param>
internal sealed record EndedCall(BeginRecord Begin, CallOutcome Outcome, IReadOnlyList<ExactNanos> Amounts, long Seq);
