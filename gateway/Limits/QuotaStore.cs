using System.Diagnostics.CodeAnalysis;
using System.Security.Cryptography;
using System.Text;
using Quota.Shared.Amounts;
using Quota.Shared.Hosting;
using StackExchange.Redis;

namespace Quota.Gateway.Limits;

/// <summary>
/// The only file that talks to Redis. Every call is one script, found by request id and safe to resend; replies are data, never
/// error texts. A call that gets no answer in time throws, and nobody may take that for a yes.
/// </summary>
internal sealed class QuotaStore(IConnectionMultiplexer redis, LimitsOptions options, GatewayClock clock, GatewayIdentity identity)
{
    private static readonly StoredScript ReserveScript = StoredScript.Read("reserve");
    private static readonly StoredScript SettleScript = StoredScript.Read("settle");
    private static readonly StoredScript ReleaseScript = StoredScript.Read("release");
    private static readonly StoredScript ReapScript = StoredScript.Read("reap");
    private static readonly StoredScript ExtendScript = StoredScript.Read("extend");

    private long _skewMs;

    private IDatabase Database => redis.GetDatabase();

    public bool IsConnected => redis.IsConnected;

    /// <summary>Redis's clock as last seen, without a test clock's offset, Unix milliseconds.</summary>
    private long RealNowMs => clock.RealNow.ToUnixTimeMilliseconds() + Volatile.Read(ref _skewMs);

    /// <summary>Holds the quantities on every limit, all or none. <paramref name="quantities"/> pairs with the plan's limits.</summary>
    /// <returns><see cref="ReserveDecision.Held"/> or <see cref="ReserveDecision.Refused"/>.</returns>
    /// <exception cref="RedisException">No usable answer: unknown whether the hold exists. Release it.</exception>
    /// <exception cref="TimeoutException">The same.</exception>
    public async Task<ReserveDecision> ReserveAsync(LimitPlan plan, Guid requestId, IReadOnlyList<long> quantities)
    {
        for (var attempt = 1; ; attempt++)
        {
            var sent = RealNowMs;
            var windows = WindowsAt(plan, sent + (clock.OffsetMs ?? 0));
            var reply = await EvaluateAsync(ReserveScript, ReserveKeys(plan, requestId, windows), ReserveArguments(plan, requestId, quantities, windows, sent));
            switch (reply[0])
            {
                case "held":
                    return new ReserveDecision.Held(new Hold(requestId, plan.OrgId, AtOf(reply), Counters(plan, quantities, windows, reply)));
                case "refused":
                    var counters = Counters(plan, quantities, windows, reply);
                    return new ReserveDecision.Refused(Binding(counters), AtOf(reply));
                case "late" or "clock" when attempt < 3:
                    // Our idea of Redis's clock is wrong (first call, clock change, long pause): learn it and ask once more.
                    Volatile.Write(ref _skewMs, AtOf(reply).ToUnixTimeMilliseconds() - (clock.OffsetMs ?? 0) - clock.RealNow.ToUnixTimeMilliseconds());
                    continue;
                default:
                    throw new RedisException($"reserve answered '{reply[0]}'");
            }
        }
    }

    /// <summary>Replaces the hold by what was used; <paramref name="amounts"/> pairs with <paramref name="counters"/>.</summary>
    /// <returns>The whole units added to each counter, or null when there is no such hold any more.</returns>
    public async Task<IReadOnlyList<long>?> SettleAsync(string orgId, Guid requestId, IReadOnlyList<RedisKey> counters, IReadOnlyList<ExactNanos> amounts, ReadOnlyMemory<byte> receipt)
    {
        var arguments = new RedisValue[4 + amounts.Count * 2];
        arguments[0] = requestId.ToString("N");
        arguments[1] = (long)options.ReceiptTtl.TotalMilliseconds;
        arguments[2] = receipt;
        arguments[3] = OffsetArgument;
        for (var i = 0; i < amounts.Count; i++)
            (arguments[4 + i * 2], arguments[5 + i * 2]) = (amounts[i].Whole, amounts[i].Fraction);
        var reply = await EvaluateAsync(SettleScript, HoldKeys(orgId, requestId, counters), arguments);
        return reply[0] switch
        {
            "settled" => [.. reply.Skip(1).Select(text => long.Parse(text, CultureInfo.InvariantCulture))],
            "gone" or "released" => null,
            _ => throw new RedisException($"settle answered '{reply[0]}'"),
        };
    }

    /// <summary>Gives a hold back. True when nothing of it is left, be it that it never was.</summary>
    public async Task<bool> ReleaseAsync(string orgId, Guid requestId, IReadOnlyList<RedisKey> counters)
    {
        var reply = await EvaluateAsync(ReleaseScript, HoldKeys(orgId, requestId, counters), [requestId.ToString("N"), (long)options.ReceiptTtl.TotalMilliseconds, OffsetArgument]);
        return reply[0] is "released" or "gone";
    }

    /// <summary>Renews the deadline of a live request; false when it was reaped and does not fit any more, or is over.</summary>
    public async Task<bool> ExtendAsync(Hold hold)
    {
        RedisValue[] arguments = [hold.RequestId.ToString("N"), (long)options.HoldDeadline.TotalMilliseconds, .. hold.Counters.Select(counter => (RedisValue)counter.Limit.MostAtOnce)];
        var reply = await EvaluateAsync(ExtendScript, HoldKeys(hold.OrgId, hold.RequestId, [.. hold.Counters.Select(counter => counter.Key)]), arguments);
        return reply[0] == "held";
    }

    /// <summary>Charges up to <paramref name="most"/> holds of the org whose deadline has passed; answers their request ids.</summary>
    public async Task<IReadOnlyList<Guid>> ReapAsync(string orgId, int most)
    {
        List<Guid> reaped = [];
        foreach (var member in await Database.SortedSetRangeByScoreAsync(QuotaKeys.Deadlines(orgId), stop: RealNowMs, take: most))
        {
            var requestId = Guid.ParseExact(member.ToString(), "N");
            var stored = await ReadHoldAsync(orgId, requestId);
            RedisValue[] arguments = [member, (long)options.CounterGrace.TotalMilliseconds * 10, OffsetArgument];
            var reply = await EvaluateAsync(ReapScript, HoldKeys(orgId, requestId, stored?.Counters ?? []), arguments);
            if (reply[0] == "reaped")
                reaped.Add(requestId);
        }
        return reaped;
    }

    /// <summary>The request ids of the org's open holds, at most <paramref name="most"/>, oldest deadline first.</summary>
    public async Task<IReadOnlyList<Guid>> OpenHoldsAsync(string orgId, int most) =>
        [.. (await Database.SortedSetRangeByRankAsync(QuotaKeys.Deadlines(orgId), 0, most - 1)).Select(member => Guid.ParseExact(member.ToString(), "N"))];

    /// <summary>A hold as the store has it; null when there is none.</summary>
    public async Task<StoredHold?> ReadHoldAsync(string orgId, Guid requestId)
    {
        var values = await Database.HashGetAsync(QuotaKeys.Hold(orgId, requestId), ["state", "owner", "keys", "receipt"]);
        return values[0].IsNull ? null : new StoredHold(values[0].ToString(), values[1].ToString(),
            [.. values[2].ToString().Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(key => (RedisKey)key)], (byte[]?)values[3]);
    }

    /// <summary>What a limit's counter says now.</summary>
    public async Task<(long Used, long Held)> ReadCounterAsync(Limit limit)
    {
        var key = limit.CountersAt(RealNowMs + (clock.OffsetMs ?? 0)).Current;
        var values = await Database.HashGetAsync(key, ["live", "seed", "held"]);
        return ((long)values[0] + (long)values[1], (long)values[2]);
    }

    private RedisValue OffsetArgument => clock.OffsetMs is { } offset ? offset : RedisValue.EmptyString;

    private async Task<string[]> EvaluateAsync(StoredScript script, RedisKey[] keys, RedisValue[] arguments)
    {
        RedisResult result;
        try
        {
            result = await Database.ScriptEvaluateAsync(script.Hash, keys, arguments);
        }
        catch (RedisServerException problem) when (problem.Message.Contains("NOSCRIPT", StringComparison.Ordinal))
        {
            result = await Database.ScriptEvaluateAsync(script.Text, keys, arguments);   // sends the text, which also stores it
        }
        return (string[])((string?[]?)result ?? throw new RedisException("the script answered nothing"))!;
    }

    private static RedisKey[] HoldKeys(string orgId, Guid requestId, IReadOnlyList<RedisKey> counters) =>
        [QuotaKeys.Hold(orgId, requestId), QuotaKeys.Deadlines(orgId), .. counters];

    private static CounterPair[] WindowsAt(LimitPlan plan, long unixMs)
    {
        var windows = new CounterPair[plan.Limits.Count];
        for (var i = 0; i < windows.Length; i++)
            windows[i] = plan.Limits[i].CountersAt(unixMs);
        return windows;
    }

    private static RedisKey[] ReserveKeys(LimitPlan plan, Guid requestId, CounterPair[] windows)
    {
        var keys = new List<RedisKey>(2 + windows.Length * 2) { QuotaKeys.Hold(plan.OrgId, requestId), QuotaKeys.Deadlines(plan.OrgId) };
        for (var i = 0; i < windows.Length; i++)
        {
            keys.Add(windows[i].Current);
            if (!plan.Limits[i].IsRate)
                keys.Add(windows[i].Next);
        }
        return [.. keys];
    }

    private RedisValue[] ReserveArguments(LimitPlan plan, Guid requestId, IReadOnlyList<long> quantities, CounterPair[] windows, long sentMs)
    {
        var arguments = new RedisValue[7 + windows.Length * 6];
        arguments[0] = requestId.ToString("N");
        arguments[1] = sentMs + (long)options.RedisTimeout.TotalMilliseconds;
        arguments[2] = (long)options.HoldDeadline.TotalMilliseconds;
        arguments[3] = OffsetArgument;
        arguments[4] = identity.Instance;
        arguments[5] = (long)options.CounterGrace.TotalMilliseconds;
        arguments[6] = windows.Length;
        for (var i = 0; i < windows.Length; i++)
        {
            var (limit, window, a) = (plan.Limits[i], windows[i], 7 + i * 6);
            arguments[a] = limit.IsRate ? "rate" : "calendar";
            arguments[a + 1] = limit.MostAtOnce;
            arguments[a + 2] = quantities[i];
            arguments[a + 3] = limit.IsRate ? limit.Amount : window.Start;
            arguments[a + 4] = limit.IsRate ? limit.Terms.Window.PeriodMs : window.Middle;
            arguments[a + 5] = limit.IsRate ? RedisValue.EmptyString : window.End;
        }
        return arguments;
    }

    private static DateTimeOffset AtOf(string[] reply) => DateTimeOffset.FromUnixTimeMilliseconds(long.Parse(reply[1], CultureInfo.InvariantCulture));

    private static HeldCounter[] Counters(LimitPlan plan, IReadOnlyList<long> quantities, CounterPair[] windows, string[] reply)
    {
        var counters = new HeldCounter[windows.Length];
        var at = AtOf(reply).ToUnixTimeMilliseconds();
        for (var i = 0; i < counters.Length; i++)
        {
            var (limit, isNext) = (plan.Limits[i], reply[2 + i * 3] == "2");
            var used = long.Parse(reply[3 + i * 3], CultureInfo.InvariantCulture);
            var held = long.Parse(reply[4 + i * 3], CultureInfo.InvariantCulture);
            var resets = limit.IsRate ? DrainedAt(limit, at, used + held + quantities[i]) : isNext ? windows[i].End : windows[i].Middle;
            counters[i] = new HeldCounter(limit, isNext ? windows[i].Next : windows[i].Current, quantities[i], used, held, resets);
        }
        return counters;
    }

    /// <summary>When a rate that stands at <paramref name="level"/> has drained to its burst again, supposing that holds end as held.</summary>
    private static long DrainedAt(Limit limit, long at, long level)
    {
        var excess = Math.Max(0, level - limit.MostAtOnce);
        return at + (long)Math.Ceiling((decimal)excess * limit.Terms.Window.PeriodMs / limit.Amount);
    }

    /// <summary>Of the limits that it does not fit, the one that keeps it out longest.</summary>
    private static HeldCounter Binding(HeldCounter[] counters) =>
        counters.Where(counter => counter.Headroom < counter.Quantity).MaxBy(counter => counter.ResetsAtMs)
            ?? throw new RedisException("reserve refused, yet every limit has room");

    /// <summary>A script and its SHA-1, by which Redis knows it once it was sent.</summary>
    private sealed record StoredScript(string Text, byte[] Hash)
    {
        [SuppressMessage("Security", "CA5350", Justification = "The name that Redis itself gives a script; it protects nothing.")]
        public static StoredScript Read(string name)
        {
            var text = TextOf("counters") + "\n" + TextOf(name);
            return new StoredScript(text, SHA1.HashData(Encoding.UTF8.GetBytes(text)));
        }

        private static string TextOf(string name) => EmbeddedText.Read(typeof(QuotaStore).Assembly, $"Limits/Scripts/{name}.lua");
    }
}

/// <summary>A hold as stored: <c>held</c>, <c>settled</c>, <c>released</c> or <c>reaped</c>; the receipt is there once settled.</summary>
internal sealed record StoredHold(string State, string Owner, IReadOnlyList<RedisKey> Counters, byte[]? Receipt);
