using Npgsql;
using Quota.Billing.Metering.Rollups;

namespace Quota.Billing.Metering;

/// <summary>One question to the events of some streams: by sums of whole quarters of an hour and the events at the edges, or by all events in order.</summary>
/// <param name="cut">There are no events before it; null: all are there.</param>
internal sealed class MeterReading(
    NpgsqlConnection connection, MetricTerms metric, int[] streams, IReadOnlyList<string> keys, DateTimeOffset? cut, int? patience, CancellationToken cancel)
{
    private const string OperationType = "operation_type";

    private readonly Measure _measure = new(metric);
    private readonly Dictionary<string, (UsageSums All, long Calls)> _sums = [];

    /// <summary>When the metric recurs, the units are of all time before too, as far back as the rollup goes; what it lacks is a finding since it was built.</summary>
    public async Task<IEnumerable<GroupedQuantity>> BySumsAsync(IAggregation aggregation, RollupTerms rollup, DateTimeOffset from, DateTimeOffset to)
    {
        if (rollup.Begins is { } begins && from < begins)
            throw new EventsGoneException(begins);
        await SumAsync(rollup, from, to, countsCalls: true);
        if (metric.Recurring)
            await SumAsync(rollup, rollup.Begins ?? RollupGrain.Earliest, from, countsCalls: false);
        return _sums.Select(group => new GroupedQuantity(RollupDims.Read(group.Key), new Quantity(aggregation.UnitsOf(group.Value.All)!.Value, group.Value.Calls)));
    }

    public async Task<IEnumerable<GroupedQuantity>> ByEventsAsync(IAggregation aggregation, DateTimeOffset from, DateTimeOffset to)
    {
        var folds = new Dictionary<string, (IEventFold Fold, long Calls)>();
        var since = !metric.Recurring ? from : IsReadInOrder(aggregation) && cut <= from ? cut.Value : RollupGrain.Earliest;
        await foreach (var (dims, one) in EventsAsync(since, to, ordered: true))
        {
            var (fold, calls) = folds.TryGetValue(dims, out var found) ? found : (aggregation.Start(from, to, metric.Recurring), 0);
            fold.Add(one);
            folds[dims] = (fold, calls + (one.IsCorrection || one.At < from ? 0 : 1));
        }
        return folds.Select(group => new GroupedQuantity(RollupDims.Read(group.Key), new Quantity(group.Value.Fold.Units, group.Value.Calls)));
    }

    /// <summary>
    /// When it recurs and is read in order, nothing of it was dropped: months in which it has events are kept. It may have been made after
    /// the cut, and begins there.
    /// </summary>
    private static bool IsReadInOrder(IAggregation aggregation) => aggregation.UnitsOf(default) is null;

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
            Add(RollupDims.Narrow(dims, rollup.Keys, keys), sums, countsCalls);
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

    private async IAsyncEnumerable<(string Dims, MeteredEvent Event)> EventsAsync(DateTimeOffset from, DateTimeOffset to, bool ordered)
    {
        if (from < cut)
            throw new EventsGoneException(cut.Value);
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
