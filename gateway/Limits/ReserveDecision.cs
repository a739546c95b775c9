namespace Quota.Gateway.Limits;

/// <summary>What the limiter says to a request. Broken things are exceptions; a limiter that fails refuses.</summary>
internal abstract record ReserveDecision
{
    private ReserveDecision()
    {
    }

    /// <summary>It may run; the worst case is held on every limit.</summary>
    public sealed record Held(Hold Hold) : ReserveDecision;

    /// <summary>It does not fit now. <paramref name="Binding"/> is the limit that keeps it out longest.</summary>
    public sealed record Refused(HeldCounter Binding, DateTimeOffset At) : ReserveDecision;

    /// <summary>It asks more than the whole limit: waiting cannot help.</summary>
    public sealed record NeverFits(Limit Limit, long Requested) : ReserveDecision;

    /// <summary>The counters cannot be asked, and policy says closed.</summary>
    public sealed record Unavailable(string Reason) : ReserveDecision;
}
