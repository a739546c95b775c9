namespace Quota.Billing.Metering.Rollups;

/// <summary>What a rollup sums up. A row of <c>rollups</c> with its metric.</summary>
/// <param name="Metric">Null for the one that counts the events of every stream.</param>
/// <param name="Keys">The properties by whose values it tells sums apart, in the order in which they are written.</param>
/// <param name="Begins">It knows nothing of the time before; null: it has all that ever was.</param>
internal sealed record RollupTerms(int Id, MetricTerms? Metric, IReadOnlyList<string> Keys, string State, DateTimeOffset? Begins = null);

/// <summary>The life of a rollup: asked for, written by all who store events, filled with what was stored before, replaced.</summary>
internal static class RollupState
{
    public const string Wanted = "wanted";
    public const string Building = "building";
    public const string Ready = "ready";
    public const string Retired = "retired";
}

/// <summary>The two grains, in minutes. Both begin at whole ones of UTC, as do all that divide them.</summary>
internal static class RollupGrain
{
    public const short Quarter = 15;
    public const short Day = 1440;

    public static readonly DateTimeOffset Earliest = DateTimeOffset.MinValue.AddDays(1);
    public static readonly DateTimeOffset Latest = DateTimeOffset.MaxValue.AddDays(-2);

    /// <summary>The start of the bucket that a time lies in.</summary>
    public static DateTimeOffset StartOf(DateTimeOffset time, short grain)
    {
        var ticks = time.UtcTicks;
        return new DateTimeOffset(ticks - ticks % (grain * TimeSpan.TicksPerMinute), TimeSpan.Zero);
    }

    /// <summary>The first bucket that begins at a time or later.</summary>
    public static DateTimeOffset From(DateTimeOffset time, short grain)
    {
        var bounded = time < Earliest ? Earliest : time > Latest ? Latest : time;
        var start = StartOf(bounded, grain);
        return start == bounded ? start : start.AddMinutes(grain);
    }
}
