using System.Buffers;
using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text.Json;
using Quota.Gateway.Spool;
using Quota.Shared.Amounts;
using StackExchange.Redis;

namespace Quota.Gateway.Limits.Store;

/// <summary>
/// Puts the keys and arguments of one call to <c>batch.lua</c> together: each key, each counter's terms and each list of counters once; ops
/// name them by number. Numbers travel packed. One per org, used again for every call.
/// </summary>
internal sealed class BatchWriter(string orgId, LimitsOptions options, GatewayIdentity identity)
{
    /// <summary>The numbers of a call before its lists begin.</summary>
    private const int Header = 11;

    /// <summary>Spelled keys that are kept for the next call.</summary>
    private const int MostSpelled = 4096;

    private readonly List<RedisKey> _keys = [];
    private readonly Dictionary<string, int> _counterAt = [];
    private readonly Dictionary<Guid, int> _holdAt = [];
    private readonly Dictionary<string, string> _spelled = [];
    private readonly Dictionary<CounterPair, int> _specOf = [];
    private readonly List<(IReadOnlyList<LimitCounter> Counters, CounterPair[] Windows)> _lists = [];
    private readonly List<IReadOnlyList<string>> _sets = [];
    private readonly List<double> _specs = [], _listed = [], _kept = [];
    private readonly List<RedisValue> _terms = [], _ops = [];
    /// <summary>Where in the bytes an argument begins; it ends where the next one begins.</summary>
    private readonly List<(int Argument, int Begin)> _opNumbers = [];
    private readonly ArrayBufferWriter<byte> _numbers = new(4096);
    private Utf8JsonWriter? _json;
    private string _epoch = "";
    private long? _offsetMs;

    /// <summary>The keys and arguments of a call that does these ops.</summary>
    /// <param name="acknowledged">Mutations that this gateway knows to be stored.</param>
    /// <param name="isFirst">Whether the script has to look who the server is.</param>
    public (RedisKey[] Keys, RedisValue[] Arguments) Write(IReadOnlyList<StoreOp> ops, string epoch, long acknowledged, long? offsetMs, bool isFirst)
    {
        Clear(epoch);
        (_epoch, _offsetMs) = (epoch, offsetMs);
        _keys.Add(QuotaKeys.Epoch(orgId));
        _keys.Add(QuotaKeys.Deadlines(orgId, epoch));
        _keys.Add(QuotaKeys.Facts(orgId));
        foreach (var op in ops)
            op.Write(this);

        // The bytes stay untouched until the answer is here, or given up: each call gets its own.
        byte[] bytes = _numbers.WrittenSpan.ToArray();
        for (var i = 0; i < _opNumbers.Count; i++)
        {
            var (argument, begin) = _opNumbers[i];
            _ops[argument] = new ReadOnlyMemory<byte>(bytes, begin, (i + 1 < _opNumbers.Count ? _opNumbers[i + 1].Begin : bytes.Length) - begin);
        }
        var arguments = new RedisValue[3 + _terms.Count + _ops.Count];
        arguments[0] = epoch;
        arguments[1] = identity.Instance;
        arguments[2] = Call(ops.Count, acknowledged, isFirst);
        _terms.CopyTo(arguments, 3);
        _ops.CopyTo(arguments, 3 + _terms.Count);
        return ([.. _keys], arguments);
    }

    /// <summary>An op begins; its numbers and texts follow, each in their own order.</summary>
    public void Begin(RedisValue op)
    {
        _ops.Add(op);
        _opNumbers.Add((_ops.Count, _numbers.WrittenCount));
        _ops.Add(RedisValue.Null);
    }

    /// <summary>An op that finds a hold begins: name and id, the hold's key, its counters.</summary>
    public void BeginHold(RedisValue op, Guid requestId, IReadOnlyList<string> counterIds)
    {
        Begin(op);
        Text(Id(requestId));
        Number(HoldKey(requestId));
        Number(Set(counterIds));
    }

    public void Text(RedisValue value) => _ops.Add(value);

    /// <summary>The last of an op's texts, after all its numbers: it is written behind them, with no buffer of its own.</summary>
    public void Note(CallNote? call)
    {
        if (call is null)
        {
            Text("");
            return;
        }
        _opNumbers.Add((_ops.Count, _numbers.WrittenCount));
        _ops.Add(RedisValue.Null);
        _json ??= new Utf8JsonWriter(_numbers, new JsonWriterOptions { SkipValidation = true });
        _json.Reset();
        JsonSerializer.Serialize(_json, call, SpoolJson.Default.CallNote);
    }

    public void Number(double value)
    {
        BinaryPrimitives.WriteDoubleLittleEndian(_numbers.GetSpan(sizeof(double)), value);
        _numbers.Advance(sizeof(double));
    }

    /// <summary>An exact amount as whole units and billionths; what is finer is rounded up, what no counter can hold is cut there.</summary>
    public void Amount(decimal amount)
    {
        var whole = decimal.Truncate(amount);
        var billionths = whole == amount || whole >= NanoUnits.Ceiling ? 0 : decimal.Ceiling((amount - whole) * ExactNanos.One);
        Number(billionths >= ExactNanos.One ? (double)whole + 1 : (double)Math.Min(whole, NanoUnits.Ceiling));
        Number(billionths >= ExactNanos.One ? 0 : (double)billionths);
    }

    public void Amount(ExactNanos amount)
    {
        Number(amount.Whole);
        Number(amount.Fraction);
    }

    public static RedisValue Id(Guid requestId) => requestId.ToString("N");

    public int GatheringKey() => Add(QuotaKeys.Gathering(orgId));

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

    /// <summary>When a counter's key goes, on Redis's own clock; infinite for one that never ends.</summary>
    public double Expiry(long? endsAtMs) =>
        endsAtMs is { } ends ? ends - (_offsetMs ?? 0) + (long)options.CounterGrace.TotalMilliseconds : double.PositiveInfinity;

    /// <summary>The number of these counters as a request's list, which is written once a call.</summary>
    public int List(IReadOnlyList<LimitCounter> counters, CounterPair[] windows)
    {
        for (var i = 0; i < _lists.Count; i++)
        {
            if (ReferenceEquals(_lists[i].Counters, counters) && _lists[i].Windows.AsSpan().SequenceEqual(windows))
                return i + 1;
        }
        _lists.Add((counters, windows));
        _listed.Add(counters.Count);
        for (var i = 0; i < counters.Count; i++)
            _listed.Add(Spec(counters[i], windows[i]));
        return _lists.Count;
    }

    /// <summary>The number of these counters as a hold's set, which is written once a call.</summary>
    private int Set(IReadOnlyList<string> counterIds)
    {
        for (var i = 0; i < _sets.Count; i++)
        {
            if (IsSame(_sets[i], counterIds))
                return i + 1;
        }
        _sets.Add(counterIds);
        _kept.Add(counterIds.Count);
        for (var i = 0; i < counterIds.Count; i++)
            _kept.Add(CounterKey(counterIds[i]));
        return _sets.Count;
    }

    /// <summary>The number of a counter's terms, which are written once a call.</summary>
    private int Spec(LimitCounter counter, CounterPair windows)
    {
        ref var number = ref CollectionsMarshal.GetValueRefOrAddDefault(_specOf, windows, out var isKnown);
        if (isKnown)
            return number;
        number = _specOf.Count;
        var current = CounterKey(windows.Current);
        _specs.Add(current);
        _specs.Add(windows.Next.Length > 0 ? CounterKey(windows.Next) : current);
        var terms = windows.Terms ??= SpecTerms.Of(counter, windows, options);
        _terms.Add(terms.Kind);
        _terms.Add(terms.Levels);
        _terms.Add(terms.Numbers);
        return number;
    }

    private byte[] Call(int ops, long acknowledged, bool isFirst)
    {
        Span<double> header =
        [
            acknowledged, _offsetMs ?? 0, isFirst ? 1 : 0, options.CounterGrace.TotalMilliseconds, options.ReceiptTtl.TotalMilliseconds,
            options.HoldDeadline.TotalMilliseconds, options.CounterGrace.TotalMilliseconds * 10, _specOf.Count, _lists.Count, _sets.Count, ops,
        ];
        var bytes = new byte[(Header + _specs.Count + _listed.Count + _kept.Count) * sizeof(double)];
        var at = Pack(header, bytes);
        at += Pack(CollectionsMarshal.AsSpan(_specs), bytes.AsSpan(at));
        at += Pack(CollectionsMarshal.AsSpan(_listed), bytes.AsSpan(at));
        Pack(CollectionsMarshal.AsSpan(_kept), bytes.AsSpan(at));
        return bytes;
    }

    private void Clear(string epoch)
    {
        _keys.Clear();
        _counterAt.Clear();
        _holdAt.Clear();
        if (_epoch != epoch || _spelled.Count > MostSpelled)
            _spelled.Clear();
        _specOf.Clear();
        _lists.Clear();
        _sets.Clear();
        _specs.Clear();
        _listed.Clear();
        _kept.Clear();
        _terms.Clear();
        _ops.Clear();
        _opNumbers.Clear();
        _numbers.ResetWrittenCount();
    }

    private static bool IsSame(IReadOnlyList<string> a, IReadOnlyList<string> b)
    {
        if (a.Count != b.Count)
            return false;
        for (var i = 0; i < a.Count; i++)
        {
            if (a[i] != b[i])
                return false;
        }
        return true;
    }

    private int Add(string key)
    {
        _keys.Add(key);
        return _keys.Count;
    }

    /// <summary>Numbers as the scripts read them: eight bytes each, little end first. Answers the bytes written.</summary>
    public static int Pack(ReadOnlySpan<double> numbers, Span<byte> into)
    {
        for (var i = 0; i < numbers.Length; i++)
            BinaryPrimitives.WriteDoubleLittleEndian(into[(i * sizeof(double))..], numbers[i]);
        return numbers.Length * sizeof(double);
    }
}
