using System.Buffers.Binary;
using StackExchange.Redis;

namespace Quota.Gateway.Limits.Store;

internal enum StoreOutcome
{
    Held,
    Refused,

    /// <summary>A window began before anybody counted on it, and its seed is not there.</summary>
    Unseeded,
}

/// <summary>What the script said to a reserve.</summary>
/// <param name="Output">Output tokens of each answer that are held for, or were asked for at least.</param>
internal sealed record StoreReserve(StoreOutcome Outcome, DateTimeOffset At, long Output, IReadOnlyList<HeldCounter> Counters)
{
    /// <summary>The epoch that the hold is in.</summary>
    public string? Epoch { get; init; }

    /// <summary>For unseeded: which counter.</summary>
    public int Counter { get; init; }
}

internal enum ExtendOutcome
{
    Held,

    /// <summary>It does not fit: the hold is as it was, its deadline renewed.</summary>
    Full,

    /// <summary>It was reaped, and does not fit any more.</summary>
    Reaped,

    /// <summary>It has ended, or the store does not know it.</summary>
    Over,
}

/// <summary>A hold as stored: <c>held</c>, <c>settled</c>, <c>released</c> or <c>reaped</c>; the receipt is there once settled.</summary>
internal sealed record StoredHold(string State, string Owner, IReadOnlyList<string> Counters, IReadOnlyList<long> Quantities, byte[]? Receipt);

/// <summary>A hold that was looked for, with what it says of its call (see <c>reserve.lua</c>).</summary>
/// <param name="DeadlineMs">On Redis's clock.</param>
/// <param name="Kinds">Of its counters, in their order.</param>
/// <param name="Note">See <see cref="Spool.CallNote"/>; null for a call that was charged without a hold.</param>
internal sealed record FoundHold(
    string OrgId, string Epoch, Guid RequestId, string State, string Owner, DateTimeOffset At, long DeadlineMs, IReadOnlyList<string> Counters, IReadOnlyList<string> Kinds, IReadOnlyList<long> Quantities, byte[]? Receipt, byte[]? Note)
{
    public static readonly RedisValue[] Fields = ["state", "owner", "at", "deadline", "counters", "kinds", "quantities", "receipt", "call"];

    public static FoundHold Read(string orgId, string epoch, Guid requestId, RedisValue[] values) => new(orgId, epoch, requestId, values[0].ToString(), values[1].ToString(), DateTimeOffset.FromUnixTimeMilliseconds((long)values[2]), (long)values[3],
        Words(values[4]), Words(values[5]), (byte[]?)values[6] is { } packed ? new ReplyReader(packed).AllPacked() : [], (byte[]?)values[7], (byte[]?)values[8]);

    private static string[] Words(RedisValue value) => value.ToString().Split(' ', StringSplitOptions.RemoveEmptyEntries);
}

/// <summary>A counter as stored.</summary>
internal sealed record StoredCounter(long Live, long Fraction, long Seed, bool IsSeeded, long Held, long Over)
{
    public static readonly RedisValue[] Fields = ["live", "frac", "seed", "seedv", "held", "over", "t", "rem"];

    /// <summary>Never below 0, as the script reckons it.</summary>
    public long Used => Math.Max(0, Live + Seed);

    public static StoredCounter Read(RedisValue[] values) =>
        new((long)values[0], (long)values[1], (long)values[2], !values[3].IsNull, (long)values[4], (long)values[5]);

    /// <summary>With a rate's use drained up to now.</summary>
    public static StoredCounter Read(RedisValue[] values, LimitCounter counter, long nowMs)
    {
        var stored = Read(values);
        if (!counter.Window.IsRate || values[6].IsNull || nowMs <= (long)values[6])
            return stored;
        var drained = ((decimal)(nowMs - (long)values[6]) * counter.Speaker.Amount + (long)values[7]) / counter.Window.PeriodMs;
        return stored with { Live = Math.Max(0, stored.Live - (long)Math.Min(drained, long.MaxValue)) };
    }
}

/// <summary>Reads a reply: words, then numbers that are packed.</summary>
internal ref struct ReplyReader(ReadOnlySpan<byte> reply)
{
    private ReadOnlySpan<byte> _rest = reply;

    public readonly bool HasMore => !_rest.IsEmpty;

    public ReadOnlySpan<byte> Word()
    {
        var space = _rest.IndexOf((byte)' ');
        var word = space < 0 ? _rest : _rest[..space];
        _rest = space < 0 ? default : _rest[(space + 1)..];
        return word;
    }

    public long Number() => long.Parse(Word(), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture);

    /// <exception cref="RedisException">There are no more.</exception>
    public long Packed()
    {
        if (_rest.Length < sizeof(double))
            throw new RedisException("a reply of the script ends too early");
        var number = BinaryPrimitives.ReadDoubleLittleEndian(_rest);
        _rest = _rest[sizeof(double)..];
        return checked((long)number);
    }

    /// <summary>All that are left.</summary>
    public IReadOnlyList<long> AllPacked()
    {
        var numbers = new long[_rest.Length / sizeof(double)];
        for (var i = 0; i < numbers.Length; i++)
            numbers[i] = Packed();
        return numbers;
    }
}
