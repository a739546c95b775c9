using System.Diagnostics.Metrics;

namespace Quota.Billing.Diagnostics;

/// <summary>What the core counts, as verbs. A new metric is a new method here.</summary>
internal sealed class BillingMetrics : IDisposable
{
    public const string MeterName = "Quota.Billing";

    private readonly Meter _meter = new(MeterName);
    private readonly Counter<long> _events;
    private readonly Histogram<double> _batches;
    private readonly Counter<long> _snapshots;

    public BillingMetrics()
    {
        _events = _meter.CreateCounter<long>("quota.billing.ingest.events", "{event}", "Events received, by source and what became of them");
        _batches = _meter.CreateHistogram<double>("quota.billing.ingest.batch.duration", "s", "Time to store one batch of gateway events");
        _snapshots = _meter.CreateCounter<long>("quota.billing.snapshots", "{snapshot}", "Control snapshots asked for, by whether the gateway had it already");
    }

    /// <param name="source"><c>gateway</c> or <c>api</c>.</param>
    /// <param name="status">One of <c>ShipStatus</c>.</param>
    public void EventsReceived(string source, string status, long count)
    {
        if (count > 0)
            _events.Add(count, new("source", source), new("status", status));
    }

    public void BatchStored(TimeSpan duration) => _batches.Record(duration.TotalSeconds);

    public void SnapshotServed(bool unchanged) => _snapshots.Add(1, new KeyValuePair<string, object?>("unchanged", unchanged));

    public void Dispose() => _meter.Dispose();
}
