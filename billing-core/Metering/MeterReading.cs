using Npgsql;
using Quota.Billing.Metering.Rollups;

namespace Quota.Billing.Metering;

/// <summary>One question to the events of some streams: by sums of whole quarters of an hour and the events at the edges, or by all events in order.</summary>
internal sealed class MeterReading(
    NpgsqlConnection connection, MetricTerms metric, int[] streams, IReadOnlyList<string> keys, int? patience, CancellationToken cancel)
{
    private const string OperationType = "operation_type";

    private readonly Measure _measure = new(metric);
    private readonly Dictionary<string, (UsageSums All, long Calls)> _sums = [];

    /// <param name="since">What the units are of: earlier than <paramref name="from"/> when the metric recurs.</param>
    /// <param name="from">What the count of events is of.</param>
    public async Task<IEnumerable<GroupedQuantity>> BySumsAsync(IAggregation aggregation, RollupTerms rollup, DateTimeOffset since, DateTimeOffset from, DateTimeOffset to)
    {
        await SumAsync(rollup, from, to, countsCalls: true);
        if (since < from)
            await SumAsync(rollup, since, from, countsCalls: false);
        return _sums.Select(group => new GroupedQuantity(RollupDims.Read(group.Key), new Quantity(aggregation.UnitsOf(group.Value.All)!.Value, group.Value.Calls)));
    }

    public async Task<IEnumerable<GroupedQuantity>> ByEventsAsync(IAggregation aggregation, DateTimeOffset from, DateTimeOffset to)
    {
        var folds = new Dictionary<string, (IEventFold Fold, long Calls)>();
        var since = metric.Recurring ? DateTimeOffset.MinValue.AddDays(1) : from;
        await foreach (var (dims, one) in EventsAsync(since, to, ordered: true))
        {
            var (fold, calls) = folds.TryGetValue(dims, out var found) ? found : (aggregation.Start(from, to, metric.Recurring), 0);
            fold.Add(one);
            folds[dims] = (fold, calls + (one.IsCorrection || one.At < from ? 0 : 1));
        }
        return folds.Select(group => new GroupedQuantity(RollupDims.Read(group.Key), new Quantity(group.Value.Fold.Units, group.Value.Calls)));
    }

    private async Task SumAsync(RollupTerms rollup, DateTimeOffset from, DateTimeOffset to, bool countsCalls)
    {
        var (first, last) = (RollupGrain.From(from, RollupGrain.Quarter), RollupGrain.StartOf(to, RollupGrain.Quarter));
        if (first >= last)
        {
            await AddEventsAsync(from, to, countsCalls);
            return;
        }
        await AddEventsAsync(from, first, countsCalls);
        foreach (var (dims, sums) in await RollupStore.ReadAsync(connection, rollup.Id, streams, first, last, patience, cancel))
            Add(Narrow(rollup, dims), sums, countsCalls);
        await AddEventsAsync(last, to, countsCalls);
    }

    private async Task AddEventsAsync(DateTimeOffset from, DateTimeOffset to, bool countsCalls)
    {
        if (from >= to)
            return;
        await foreach (var (dims, one) in EventsAsync(from, to, ordered: false))
            Add(dims, default(UsageSums).Plus(one), countsCalls);
    }

    private void Add(string dims, in UsageSums sums, bool countsCalls)
    {
        var (all, calls) = _sums.GetValueOrDefault(dims);
        _sums[dims] = (all.Plus(sums), calls + (countsCalls ? sums.Calls : 0));
    }

    /// <summary>The values of the keys that are asked for, of those that the rollup has.</summary>
    private string Narrow(RollupTerms rollup, string dims)
    {
        if (keys.Count == 0)
            return "";
        if (keys.SequenceEqual(rollup.Keys))
            return dims;
        var values = RollupDims.Read(dims);
        return RollupDims.Write([.. keys.Select(key => values[rollup.Keys.ToList().IndexOf(key)])]);
    }

    private async IAsyncEnumerable<(string Dims, MeteredEvent Event)> EventsAsync(DateTimeOffset from, DateTimeOffset to, bool ordered)
    {
        string[] names = [.. _measure.Names, .. keys, OperationType];
        var picker = new PropertyPicker([.. names.Distinct()]);
        var slots = new PropertyValue[picker.Names.Count];
        var keySlots = keys.Select(key => picker.Names.ToList().IndexOf(key)).ToArray();
        var operation = picker.Names.ToList().IndexOf(OperationType);
        await foreach (var stored in EventScan.ReadAsync(connection, streams, from, to, ordered, patience, cancel))
        {
            picker.Pick(stored.Properties, slots);
            var value = _measure.Of(slots.AsSpan(0, _measure.Names.Count), stored.At, metric.EventCode);
            var dims = keySlots.Length == 0 ? "" : RollupDims.Of(keySlots.Select(slot => slots[slot].Text).ToList());
            yield return (dims, new MeteredEvent(stored.At, stored.Id, stored.IsCorrection, value, slots[operation].Text == "remove"));
        }
    }
}
