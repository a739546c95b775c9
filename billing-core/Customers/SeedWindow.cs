namespace Quota.Billing.Customers;

/// <summary>How many events and corrections of an org were ever stored, and the latest time of a call that was corrected. A row of <c>usage_versions</c>.</summary>
internal sealed record UsageVersion(Guid CustomerId, long Events, long Corrections, DateTimeOffset? CorrectedAt)
{
    /// <summary>Of <c>@customers</c>. Each writer has a row of its own (migration 0048).</summary>
    public const string Select = """
        select customer_id, sum(events)::bigint as events, sum(corrections)::bigint as corrections, max(corrected_at) as corrected_at
        from usage_versions where customer_id = any(@customers) group by customer_id
        """;

    /// <summary>Grows with what such a sum is of, and with nothing else.</summary>
    public long For(UsageOf of) => of == UsageOf.Corrections ? Corrections : Events;
}

/// <summary>A window of a limit that has seeds, in Unix milliseconds, half-open, and which events they are of.</summary>
internal sealed record SeedWindow(Limit Limit, (long Start, long End) Window, UsageOf Of)
{
    /// <summary>What the sum is of: the limit's terms may change while its code stays.</summary>
    public (Guid Limit, string Identity, long Start, UsageOf Of) Key => (Limit.Id, $"{Limit.Each} {Limit.IdentityOf(Limit.NodeId)}", Window.Start, Of);

    /// <summary>
    /// The current window and the next, as far as they begin before every call was counted; else the current one once a call in it was
    /// corrected.
    /// </summary>
    /// <param name="version">The org's; null when it never stored an event.</param>
    public static IEnumerable<SeedWindow> ListOf(Limit limit, UsageVersion? version, DateTimeOffset now)
    {
        if (UsageQuery.WindowOf(limit, now) is not { } window)
            yield break;
        var since = limit.CountedSince?.ToUnixTimeMilliseconds() ?? long.MinValue;
        if (window.Start < since)
            yield return new SeedWindow(limit, window, UsageOf.Uncounted);
        else if (version?.CorrectedAt is { } corrected && corrected.ToUnixTimeMilliseconds() >= window.Start)
            yield return new SeedWindow(limit, window, UsageOf.Corrections);
        if (window.End < since)
            yield return new SeedWindow(limit, UsageQuery.WindowOf(limit, DateTimeOffset.FromUnixTimeMilliseconds(window.End))!.Value, UsageOf.Uncounted);
    }
}
