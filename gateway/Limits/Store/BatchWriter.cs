using System.Runtime.InteropServices;
using Quota.Shared.Amounts;
using StackExchange.Redis;

namespace Quota.Gateway.Limits.Store;

/// <summary>
/// Puts the keys and arguments of one call to <c>batch.lua</c> together: each key and each counter's terms once, ops name them by position.
/// One per org, used again for every call.
/// </summary>
internal sealed class BatchWriter(string orgId, LimitsOptions options, GatewayIdentity identity)
{
    private const int Header = 10;

    /// <summary>Spelled keys that are kept for the next call.</summary>
    private const int MostSpelled = 4096;

    private readonly List<RedisKey> _keys = [];
    private readonly Dictionary<string, int> _counterAt = [];
    private readonly Dictionary<Guid, int> _holdAt = [];
    private readonly Dictionary<string, string> _spelled = [];
    private readonly List<RedisValue> _specs = [], _ops = [];
    private readonly Dictionary<(LimitCounter, CounterPair), int> _specOf = [];
    private string _epoch = "";
    private long? _offsetMs;

    /// <summary>The keys and arguments of a call that does these ops.</summary>
    /// <param name="acknowledged">Mutations that this gateway knows to be stored.</param>
    /// <param name="isFirst">Whether the script has to look who the server is.</param>
    public (RedisKey[] Keys, RedisValue[] Arguments) Write(IReadOnlyList<StoreOp> ops, string epoch, long acknowledged, long? offsetMs, bool isFirst)
    {
        _keys.Clear();
        _counterAt.Clear();
        _holdAt.Clear();
        if (_epoch != epoch || _spelled.Count > MostSpelled)
            _spelled.Clear();
        _specs.Clear();
        _ops.Clear();
        _specOf.Clear();
        (_epoch, _offsetMs) = (epoch, offsetMs);
        _keys.Add(QuotaKeys.Epoch(orgId));
        _keys.Add(QuotaKeys.Deadlines(orgId, epoch));
        _keys.Add(QuotaKeys.Facts(orgId));
        foreach (var op in ops)
            op.Write(this);

        var arguments = new RedisValue[Header + _specs.Count + 1 + _ops.Count];
        arguments[0] = epoch;
        arguments[1] = acknowledged;
        arguments[2] = identity.Instance;
        arguments[3] = offsetMs is { } offset ? offset : RedisValue.EmptyString;
        arguments[4] = (long)options.CounterGrace.TotalMilliseconds;
        arguments[5] = (long)options.ReceiptTtl.TotalMilliseconds;
        arguments[6] = (long)options.HoldDeadline.TotalMilliseconds;
        arguments[7] = (long)options.CounterGrace.TotalMilliseconds * 10;
        arguments[8] = isFirst ? 1 : 0;
        arguments[9] = _specOf.Count;
        _specs.CopyTo(arguments, Header);
        arguments[Header + _specs.Count] = ops.Count;
        _ops.CopyTo(arguments, Header + _specs.Count + 1);
        return ([.. _keys], arguments);
    }

    public void Add(params ReadOnlySpan<RedisValue> values)
    {
        foreach (var value in values)
            _ops.Add(value);
    }

    /// <summary>An op's beginning, as all that find a hold have it: name, id, the hold's key, its counters' keys.</summary>
    public void AddHold(string op, Guid requestId, IReadOnlyList<string> counterIds)
    {
        Add(op, Id(requestId), HoldKey(requestId), counterIds.Count);
        for (var i = 0; i < counterIds.Count; i++)
            Add(CounterKey(counterIds[i]));
    }

    public static RedisValue Id(Guid requestId) => requestId.ToString("N");

    public int HoldKey(Guid requestId)
    {
        ref var position = ref CollectionsMarshal.GetValueRefOrAddDefault(_holdAt, requestId, out var isKnown);
        return isKnown ? position : position = Add(QuotaKeys.Hold(orgId, _epoch, requestId));
    }

    public int CounterKey(string counterId)
    {
        ref var position = ref CollectionsMarshal.GetValueRefOrAddDefault(_counterAt, counterId, out var isKnown);
        if (isKnown)
            return position;
        ref var key = ref CollectionsMarshal.GetValueRefOrAddDefault(_spelled, counterId, out _);
        return position = Add(key ??= QuotaKeys.Counter(orgId, _epoch, counterId));
    }

    /// <summary>When a counter's key goes, on Redis's own clock; empty for one that never ends.</summary>
    public RedisValue Expiry(long? endsAtMs) =>
        endsAtMs is { } ends ? ends - (_offsetMs ?? 0) + (long)options.CounterGrace.TotalMilliseconds : RedisValue.EmptyString;

    /// <summary>The number of a counter's terms, which are written once a call.</summary>
    public int Spec(LimitCounter counter, CounterPair windows)
    {
        ref var number = ref CollectionsMarshal.GetValueRefOrAddDefault(_specOf, (counter, windows), out var isKnown);
        if (isKnown)
            return number;
        number = _specOf.Count;
        var current = CounterKey(windows.Current);
        _specs.Add(counter.Letter.ToString());
        _specs.Add(counter.Tightest is { } tightest ? tightest.MostAtOnce : RedisValue.EmptyString);
        _specs.Add(current);
        if (counter.IsCalendar)
        {
            _specs.Add(windows.Next.Length > 0 ? CounterKey(windows.Next) : current);
            var never = windows.Middle == long.MaxValue;
            _specs.Add(windows.Start);
            _specs.Add(never ? NanoUnits.Ceiling : windows.Middle);
            _specs.Add(never ? RedisValue.EmptyString : windows.End);
            _specs.Add(RedisValue.EmptyString);
        }
        else if (counter.Window.IsRate)
        {
            var limit = counter.Speaker;
            _specs.Add(current);
            _specs.Add(limit.Amount);
            _specs.Add(counter.Window.PeriodMs);
            _specs.Add(new RateSpeed(limit.Amount, counter.Window.PeriodMs, limit.MostAtOnce).RememberedMs + (long)options.CounterGrace.TotalMilliseconds);
            _specs.Add(limit.MostAtOnce);
        }
        else
        {
            for (var i = 0; i < 5; i++)
                _specs.Add(i == 0 ? current : RedisValue.EmptyString);
        }
        _specs.Add(counter.MayClamp ? 1 : 0);
        _specs.Add(counter.IsCalendar && counter.IsHard && windows.Start < counter.SinceMs ? 1 : 0);
        _specs.Add(counter.Levels);
        return number;
    }

    /// <summary>An exact amount as whole units and billionths; what is finer is rounded up, what no counter can hold is cut there.</summary>
    public static (long Whole, long Billionths) Parts(decimal amount)
    {
        var whole = decimal.Truncate(amount);
        if (whole >= NanoUnits.Ceiling)
            return (NanoUnits.Ceiling, 0);
        var billionths = decimal.Ceiling((amount - whole) * ExactNanos.One);
        return billionths >= ExactNanos.One ? ((long)whole + 1, 0) : ((long)whole, (long)billionths);
    }

    private int Add(string key)
    {
        _keys.Add(key);
        return _keys.Count;
    }
}
