namespace Quota.Gateway.Limits;

/// <summary>
/// What one request holds until it is settled: its counters as the script chose them, and how much on each.
/// <see cref="At"/> is frozen: it alone chooses windows, prices and the billing period.
/// </summary>
internal sealed class Hold(Guid requestId, string orgId, DateTimeOffset at, IReadOnlyList<HeldCounter> counters)
{
    private long _sequence;

    public Guid RequestId => requestId;

    public string OrgId => orgId;

    public DateTimeOffset At => at;

    public IReadOnlyList<HeldCounter> Counters => counters;

    public IReadOnlyList<string> CounterIds => field ??= [.. Counters.Select(counter => counter.Id)];

    /// <summary>The epoch of the counters that it is held on; null when nothing is held.</summary>
    public string? Epoch { get; init; }

    /// <summary>False when the store was away and policy admitted the call: nothing is held, and what it uses is charged afterwards.</summary>
    public bool IsStored { get; init; } = true;

    /// <summary>The output bound that was inserted because the client named none; per answer.</summary>
    public long? ClampedTo { get; init; }

    /// <summary>Soft limits that are passed, as <c>x-quota-warning</c> says it.</summary>
    public IReadOnlyList<string> Warnings { get; init; } = [];

    /// <summary>What it says of its call.</summary>
    public Spool.CallNote? Call { get; init; }

    /// <summary>Whether some counters hold only as much output as <see cref="CoveredTokens"/>.</summary>
    public bool IsStepwise { get; init; }

    /// <summary>The most output tokens, over all answers, that the upstream was bound to.</summary>
    public long MostTokens { get; init; } = long.MaxValue;

    /// <summary>Output tokens, over all answers, that a stepwise hold covers so far. Written by the request's own flow only.</summary>
    public long CoveredTokens { get; set; } = long.MaxValue;

    /// <summary>True when the hold was reaped and did not fit again: not one more byte may go out until it is held again.</summary>
    public bool IsLost
    {
        get => Volatile.Read(ref field);
        set => Volatile.Write(ref field, value);
    }

    /// <summary>Orders the extensions of this hold.</summary>
    public long NextSequence() => Interlocked.Increment(ref _sequence);
}

/// <summary>
/// One counter of a hold: <paramref name="Id"/> and <paramref name="Kind"/> (see <see cref="LimitCounter.KindText"/>) as the script chose them.
/// <paramref name="Used"/> and <paramref name="HeldBefore"/> are as the reserve saw them, without this request.
/// </summary>
/// <param name="ResetsAtMs">When it is worth asking again: the window's end, or when a rate has drained enough; null for what never resets.</param>
internal sealed record HeldCounter(LimitCounter Counter, string Id, string Kind, WorstCase Worst, long Quantity, long Used, long HeldBefore, long? ResetsAtMs)
{
    /// <summary>The window's end on the (test-clock) time line; null when it has none.</summary>
    public long? EndsAtMs { get; init; }

    /// <summary>Whether its quantity grows with the answer.</summary>
    public bool Grows { get; init; }

    /// <summary>What is left for others after this request's hold.</summary>
    public long Remaining => Math.Max(0, Counter.Speaker.MostAtOnce - Used - HeldBefore - Quantity);

    /// <summary>What was left before this request: what it had to fit into.</summary>
    public long Headroom => Math.Max(0, Counter.Speaker.MostAtOnce - Used - HeldBefore);

    public bool Fits(Limit limit) => Used + HeldBefore + Quantity <= limit.MostAtOnce;
}
