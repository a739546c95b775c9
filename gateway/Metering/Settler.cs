using System.Text.Json;
using System.Threading.Channels;
using Quota.Gateway.Limits;
using Quota.Gateway.Spool;
using Quota.Shared.Amounts;
using Quota.Shared.Pricing;
using StackExchange.Redis;

namespace Quota.Gateway.Metering;

/// <summary>
/// Settles holds to what was used. Sent at once and not waited for; repeated in the background until the store has answered. Should the
/// queue of repeats be full, or the process die, the spool still knows the call as unsettled and the next start settles it.
/// </summary>
internal sealed class Settler(QuotaStore store, CallSpool spool, IEnumerable<ILimitKind> kinds, LimitsOptions options, GatewayClock clock, ILogger<Settler> log)
    : BackgroundService
{
    private readonly Dictionary<string, ILimitKind> _kinds = kinds.ToDictionary(kind => kind.Name);
    private readonly Channel<(BeginRecord, CallOutcome)> _repeats =
        Channel.CreateBounded<(BeginRecord, CallOutcome)>(new BoundedChannelOptions(100_000) { FullMode = BoundedChannelFullMode.DropWrite });

    /// <summary>Sends the settle on the connection that carries later reserves, and returns without waiting for the answer.</summary>
    public void Send(BeginRecord begin, CallOutcome outcome) => _ = SendAsync(begin, outcome);

    /// <summary>Settles and notes it in the spool.</summary>
    /// <exception cref="RedisException">No usable answer; say it again.</exception>
    /// <exception cref="TimeoutException">The same.</exception>
    public async Task SettleAsync(BeginRecord begin, CallOutcome outcome)
    {
        var price = begin.PriceFunction;
        var amounts = new ExactNanos[begin.Counters.Count];
        for (var i = 0; i < amounts.Length; i++)
            amounts[i] = _kinds[begin.Counters[i].Meter].Used(outcome.Usage, price, begin.Counters[i].IsRate);
        var receipt = JsonSerializer.SerializeToUtf8Bytes(outcome, SpoolJson.Default.CallOutcome);
        var added = await store.SettleAsync(begin.OrgId, begin.Id, [.. begin.Counters.Select(counter => (RedisKey)counter.Key)], amounts, receipt);
        spool.Settled(Settled(begin, price, added));
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        await foreach (var (begin, outcome) in _repeats.Reader.ReadAllAsync(stoppingToken))
        {
            if (await TryAsync(begin, outcome))
                continue;
            _repeats.Writer.TryWrite((begin, outcome));   // to the end: one that keeps failing holds up no other
            await Task.Delay(options.RedisTimeout, clock, stoppingToken);
        }
    }

    private async Task SendAsync(BeginRecord begin, CallOutcome outcome)
    {
        if (!await TryAsync(begin, outcome))
            _repeats.Writer.TryWrite((begin, outcome));
    }

    private async Task<bool> TryAsync(BeginRecord begin, CallOutcome outcome)
    {
        try
        {
            await SettleAsync(begin, outcome);
            return true;
        }
        catch (IOException problem)
        {
            log.SettleUnanswered(begin.Id, problem.Message);   // settled, but the spool's disk failed: the next start says it again, harmlessly
            return true;
        }
        catch (Exception problem) when (problem is not OperationCanceledException)
        {
            log.SettleUnanswered(begin.Id, problem.GetType().Name);
            return false;
        }
    }

    /// <summary>What the call added to the broadest spend counter it touched is its spend; the parts of all calls add up to the counter.</summary>
    private static SettledRecord Settled(BeginRecord begin, PriceFunction price, IReadOnlyList<long>? added)
    {
        for (var i = 0; added is not null && i < begin.Counters.Count; i++)
        {
            if (begin.Counters[i].Meter == Shared.ControlPlane.Meters.Spend)
                return new SettledRecord(begin.Id, NanoUnits.ToText(added[i], price.Currency), price.Currency.Code);
        }
        return new SettledRecord(begin.Id, null, null);
    }
}
