namespace Quota.Gateway.Limits;

/// <summary>What the limiter says to a request. Broken things are exceptions; a limiter that fails refuses.</summary>
internal abstract record ReserveDecision
{
    private ReserveDecision()
    {
    }

    /// <summary>It may run; the worst case is held on every limit, or policy admitted it while the store is away.</summary>
    public sealed record Held(Hold Hold) : ReserveDecision;

    /// <summary>It does not fit now. <paramref name="Binding"/> is the limit that keeps it out longest.</summary>
    public sealed record Refused(LimitStanding Binding, DateTimeOffset At) : ReserveDecision;

    /// <summary>It asks more than the whole limit: waiting cannot help.</summary>
    public sealed record NeverFits(LimitStanding Limit) : ReserveDecision;

    /// <summary>The counters cannot be asked, or not be believed, and policy says closed.</summary>
    public sealed record Unavailable(string Reason) : ReserveDecision;
}

/// <summary>Where a limit stands against one request, in its counter's units.</summary>
/// <param name="Requested">What the request needs; null when that is more than can be counted.</param>
/// <param name="ResetsAtMs">When it is worth asking again; null when never, or not known.</param>
/// <param name="FitsOutputTokens">The most output tokens that would fit; null when output does not matter here.</param>
internal sealed record LimitStanding(Limit Limit, long Used, long Held, long? Requested, long? ResetsAtMs, long? FitsOutputTokens)
{
    /// <summary>False when only the request was looked at, not the counter.</summary>
    public bool IsCounted { get; init; } = true;

    public long Remaining => Math.Max(0, Limit.MostAtOnce - Used - Held);
}
