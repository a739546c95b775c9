namespace Quota.Billing.Metering.Rollups;

/// <summary>How one rollup compares with its events.</summary>
/// <param name="MetricCode">Null for the rollup that counts all events.</param>
internal sealed class RollupReport(RollupTerms rollup, string? metricCode)
{
    /// <summary>Differences that are listed; all are counted.</summary>
    private const int MostListed = 100;

    private readonly List<object> _listed = [];

    public RollupTerms Rollup => rollup;

    /// <summary>Rows that are there or should be.</summary>
    public long Rows { get; private set; }

    public long Differences { get; private set; }

    /// <summary>Whether it is being built anew.</summary>
    public bool IsRepaired { get; set; }

    /// <summary>As the API shows it, and as it is kept as a finding.</summary>
    public object Answer => new { rollup.Id, MetricCode = metricCode, rollup.Keys, Rows, Differences, IsRepaired, Listed = _listed };

    /// <param name="has">Summed up over the writers; null where it has no row.</param>
    /// <param name="should">What the events say; null where there should be no row.</param>
    public void Compared(in RollupKey key, CheckedStream stream, UsageSums? has, UsageSums? should)
    {
        Rows++;
        if (has == should)
            return;
        if (Differences++ >= MostListed)
            return;
        _listed.Add(new
        {
            ExternalSubscriptionId = stream.Subscription,
            stream.Code,
            StreamId = stream.Id,
            Minutes = key.Grain,
            Bucket = new DateTimeOffset(key.Bucket, TimeSpan.Zero),
            Values = RollupDims.Read(key.Dims),
            Has = Answered(has),
            Should = Answered(should),
        });
    }

    private static object? Answered(UsageSums? sums) => sums is not { } found ? null : new
    {
        found.Calls,
        Total = PicoUnits.ToText(found.Total),
        Most = found.Most is { } most ? PicoUnits.ToText(most) : null,
        Least = found.Least is { } least ? PicoUnits.ToText(least) : null,
    };
}
