using System.Collections.Concurrent;
using System.Text;
using Quota.Gateway.Limits.Store;
using Quota.Gateway.Spool;
using Quota.Shared.Amounts;
using StackExchange.Redis;

namespace Quota.Gateway.Limits;

/// <summary>
/// Holds and counters of every org. Every change is an op of one script, found by request id and safe to resend. A call that gets no
/// answer in time throws, and nobody may take that for a yes.
/// </summary>
/// <remarks>
/// Throws <see cref="StoreClosedException"/> when certainly nothing was done, <see cref="RedisException"/> or
/// <see cref="TimeoutException"/> when that is unknown.
/// </remarks>
internal sealed class QuotaStore(StoreConnection connection, EpochBook book, LimitsOptions options, GatewayClock clock, GatewayIdentity identity, StoreEvents events) : IDisposable
{
    private readonly ConcurrentDictionary<string, OrgLane> _lanes = new();
    private volatile string? _unfit;

    public bool IsConnected => connection.IsConnected;

    /// <summary>Why the store as a whole must not be used, such as a policy that evicts keys; null when it may.</summary>
    public string? Unfit
    {
        get => _unfit;
        set => _unfit = value;
    }

    /// <summary>The time that chooses windows, as far as is known here.</summary>
    public long NowMs => connection.NowMs;

    /// <summary>The same without a test clock: what deadlines are reckoned by.</summary>
    public long RealNowMs => connection.RealNowMs;

    /// <summary>Of every org that was asked for so far.</summary>
    public IEnumerable<OrgEpoch> Epochs => _lanes.Values.Select(lane => lane.Epoch);

    /// <summary>Whether an org's counters are to be believed.</summary>
    public OrgEpoch Epoch(string orgId) => Lane(orgId).Epoch;

    private OrgLane Lane(string orgId) => _lanes.GetOrAdd(orgId, static (id, it) => new OrgLane(id, it.Connection, it.Book, it.Options, it.Identity, it.Clock, it.Events),
        (Connection: connection, Book: book, Options: options, Identity: identity, Clock: clock, Events: events));

    /// <summary>Holds the worst case on every counter, all or none.</summary>
    /// <param name="call">What the hold is to say of its call.</param>
    /// <param name="least">Output tokens of each answer that must fit at least; equal to <paramref name="most"/> unless it may be clamped.</param>
    public async Task<StoreReserve> ReserveAsync(string orgId, IReadOnlyList<LimitCounter> counters, Guid requestId, WorstCase[] worst, long least, long most, long choices, CallNote? call = null)
    {
        call?.Meters = [.. counters.Select(counter => counter.Terms.Meter)];
        for (var attempt = 1; ; attempt++)
        {
            var windows = WindowsAt(counters, connection.NowMs);
            var notAfter = connection.RealNowMs + (long)options.RedisTimeout.TotalMilliseconds;
            var op = new ReserveOp(requestId, counters, windows, worst, least, most, choices, notAfter, call);
            var reply = await SendAsync(orgId, op);
            var words = new ReplyReader(reply);
            switch (Encoding.ASCII.GetString(words.Word()))
            {
                case "held":
                    return Read(words, StoreOutcome.Held, counters, windows, worst) with { Epoch = op.Epoch };
                case "refused":
                    return Read(words, StoreOutcome.Refused, counters, windows, worst);
                case "unseeded":
                    return new StoreReserve(StoreOutcome.Unseeded, At(words.Number()), 0, []) { Counter = (int)words.Number() - 1 };
                case "late" or "clock" when attempt < 3:
                    continue;   // our idea of Redis's clock was wrong (first call, clock change, long pause); the reply has put it right: ask once more
                default:
                    throw new RedisException($"reserve answered '{TextOf(reply)}'");
            }
        }
    }

    /// <summary>Replaces the hold by what was used; <paramref name="amounts"/> pairs with <paramref name="counterIds"/>.</summary>
    /// <param name="canWait">For a moment, so that it goes together with the next reserve.</param>
    /// <returns>The whole units added to each counter, or null when there is no such hold any more.</returns>
    public async Task<IReadOnlyList<long>?> SettleAsync(string orgId, Guid requestId, IReadOnlyList<string> counterIds, IReadOnlyList<ExactNanos> amounts, ReadOnlyMemory<byte> receipt, bool canWait = false) =>
        Added("settle", await SendAsync(orgId, new SettleOp(requestId, counterIds, amounts, receipt) { CanWait = canWait }), amounts.Count);

    /// <summary>Counts a call that was admitted while the store was away.</summary>
    /// <exception cref="RedisException">A hold was made after all: it must be released first.</exception>
    public async Task<IReadOnlyList<long>?> ChargeAsync(string orgId, Guid requestId, IReadOnlyList<ChargedCounter> counters, ReadOnlyMemory<byte> receipt) =>
        Added("charge", await SendAsync(orgId, new ChargeOp(requestId, counters, receipt)), counters.Count);

    /// <summary>Gives a hold back. True when nothing of it is left, be it that it never was.</summary>
    public async Task<bool> ReleaseAsync(string orgId, Guid requestId, IReadOnlyList<string> counterIds) =>
        TextOf(await SendAsync(orgId, new ReleaseOp(requestId, counterIds))) is "released" or "gone";

    /// <summary>Renews the deadline of a live request's hold and grows it to <paramref name="quantities"/> if they fit.</summary>
    public async Task<ExtendOutcome> ExtendAsync(Hold hold, IReadOnlyList<long> quantities) => TextOf(await SendAsync(hold.OrgId, new ExtendOp(hold, quantities))) switch
    {
        "held" => ExtendOutcome.Held,
        "full" => ExtendOutcome.Full,
        "reaped" => ExtendOutcome.Reaped,
        "gone" or "settled" or "released" => ExtendOutcome.Over,
        var other => throw new RedisException($"extend answered '{other}'"),
    };

    /// <summary>Charges up to <paramref name="most"/> holds of the org whose deadline has passed; answers their request ids.</summary>
    public async Task<IReadOnlyList<Guid>> ReapAsync(string orgId, int most)
    {
        var epoch = await Epoch(orgId).OpenAsync();
        var due = (await connection.LowestAsync(QuotaKeys.Deadlines(orgId, epoch), connection.RealNowMs, most)).Select(member => Guid.ParseExact(member.ToString(), "N")).ToArray();
        var reaped = await Task.WhenAll(due.Select(async requestId =>
        {
            var stored = await ReadHoldAsync(orgId, requestId);
            return TextOf(await SendAsync(orgId, new ReapOp(requestId, stored?.Counters ?? []))) == "reaped";
        }));
        return [.. due.Where((_, i) => reaped[i])];
    }

    /// <summary>What was used elsewhere, into a counter of the current epoch. False when a version as great is there.</summary>
    public async Task<bool> SeedAsync(string orgId, string counterId, long units, long version, long? endsAtMs) =>
        TextOf(await SendAsync(orgId, new SeedOp(counterId, units, version, endsAtMs))) == "seeded";

    /// <summary>The request ids of the org's open holds, at most <paramref name="most"/>, oldest deadline first.</summary>
    public async Task<IReadOnlyList<Guid>> OpenHoldsAsync(string orgId, int most) =>
        [.. (await connection.LowestAsync(QuotaKeys.Deadlines(orgId, await Epoch(orgId).OpenAsync()), long.MaxValue, most)).Select(member => Guid.ParseExact(member.ToString(), "N"))];

    /// <summary>A hold as the store has it; null when there is none.</summary>
    public async Task<StoredHold?> ReadHoldAsync(string orgId, Guid requestId)
    {
        var values = await connection.HashAsync(QuotaKeys.Hold(orgId, await Epoch(orgId).OpenAsync(), requestId), "state", "owner", "counters", "quantities", "receipt");
        return values[0].IsNull ? null : new StoredHold(values[0].ToString(), values[1].ToString(), Words(values[2]),
            (byte[]?)values[3] is { } packed ? new ReplyReader(packed).AllPacked() : [], (byte[]?)values[4]);
    }

    /// <summary>
    /// Every hold of these gateways that the store has, of any org and any epoch, whatever is believed of those: for what is rare, since all keys are
    /// looked through. Read as it goes: what changes meanwhile may be seen or not.
    /// </summary>
    public async IAsyncEnumerable<FoundHold> HoldsOfAsync(IReadOnlySet<string> owners)
    {
        await foreach (var keys in connection.KeysAsync(QuotaKeys.Holds))
        {
            var found = await Task.WhenAll(keys.Select(async key => (Key: key, Values: await connection.HashAsync(key, FoundHold.Fields))));
            foreach (var (key, values) in found)
            {
                if (owners.Contains(values[1].ToString()) && QuotaKeys.TryParseHold(key, out var org, out var its, out var requestId))
                    yield return FoundHold.Read(org, its, requestId, values);
            }
        }
    }

    /// <summary>What a counter says now, in the window of now.</summary>
    public async Task<StoredCounter> ReadCounterAsync(LimitCounter counter)
    {
        var epoch = await Epoch(counter.OrgId).OpenAsync();
        var values = await connection.HashAsync(QuotaKeys.Counter(counter.OrgId, epoch, counter.WindowsAt(connection.NowMs).Current), StoredCounter.Fields);
        return StoredCounter.Read(values, counter, connection.NowMs);
    }

    /// <summary>A counter by its id, as it is stored; no drain is reckoned in.</summary>
    public async Task<StoredCounter> ReadCounterAsync(string orgId, string counterId) =>
        StoredCounter.Read(await connection.HashAsync(QuotaKeys.Counter(orgId, await Epoch(orgId).OpenAsync(), counterId), StoredCounter.Fields));

    /// <summary>The oldest facts of an org that nobody has confirmed yet.</summary>
    public async Task<IReadOnlyList<RedisValue>> FactsAsync(string orgId, int most) => await connection.FirstAsync(QuotaKeys.Facts(orgId), most);

    /// <summary>Confirmed facts go.</summary>
    public Task ForgetFactsAsync(string orgId, IReadOnlyList<RedisValue> facts) => connection.RemoveAsync(QuotaKeys.Facts(orgId), facts);

    public void Dispose()
    {
        foreach (var lane in _lanes.Values)
            lane.Dispose();
    }

    private Task<byte[]> SendAsync(string orgId, StoreOp op) =>
        _unfit is { } reason ? Task.FromException<byte[]>(new StoreClosedException(reason)) : Lane(orgId).SendAsync(op);

    private static CounterPair[] WindowsAt(IReadOnlyList<LimitCounter> counters, long unixMs)
    {
        var windows = new CounterPair[counters.Count];
        for (var i = 0; i < windows.Length; i++)
            windows[i] = counters[i].WindowsAt(unixMs);
        return windows;
    }

    private static IReadOnlyList<long>? Added(string op, byte[] reply, int counters)
    {
        var words = new ReplyReader(reply);
        switch (Encoding.ASCII.GetString(words.Word()))
        {
            case "settled" when words.AllPacked() is var added && added.Count == counters:
                return added;
            case "gone" or "released":
                return null;
            default:
                throw new RedisException($"{op} answered '{TextOf(reply)}'");
        }
    }

    private static StoreReserve Read(ReplyReader words, StoreOutcome outcome, IReadOnlyList<LimitCounter> counters, CounterPair[] windows, WorstCase[] worst)
    {
        var picks = words.Word();
        var (at, output) = (words.Packed(), words.Packed());
        var held = new HeldCounter[counters.Count];
        for (var i = 0; i < held.Length; i++)
        {
            var (isNext, used, before, quantity) = (picks[i] == '2', words.Packed(), words.Packed(), words.Packed());
            var (counter, window) = (counters[i], windows[i]);
            var ends = isNext ? window.End : window.Middle;
            long? resets = counter.Window.IsRate ? DrainedAt(counter.Speaker, at, used + before + quantity)
                : counter.IsCalendar && ends != long.MaxValue ? ends : null;
            held[i] = new HeldCounter(counter, isNext ? window.Next : window.Current, isNext ? window.NextKind : window.CurrentKind, worst[i], quantity, used, before, resets)
            {
                EndsAtMs = counter.IsCalendar && ends != long.MaxValue ? ends : null,
            };
        }
        return new StoreReserve(outcome, At(at), output, held);
    }

    /// <summary>When a rate that stands at <paramref name="level"/> has drained to its burst again, supposing that holds end as held.</summary>
    private static long DrainedAt(Limit limit, long at, long level)
    {
        var excess = Math.Max(0, level - limit.MostAtOnce);
        return at + (long)Math.Ceiling((decimal)excess * limit.Terms.Window.PeriodMs / limit.Amount);
    }

    private static string TextOf(byte[] reply) => Encoding.ASCII.GetString(reply);

    private static DateTimeOffset At(long unixMs) => DateTimeOffset.FromUnixTimeMilliseconds(unixMs);

    private static string[] Words(RedisValue value) => value.ToString().Split(' ', StringSplitOptions.RemoveEmptyEntries);
}
