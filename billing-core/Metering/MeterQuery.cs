using Dapper;
using Npgsql;
using Quota.Billing.Metering.Rollups;

namespace Quota.Billing.Metering;

/// <summary>Whose usage is asked for: a subscription as events name it, and its customer, because events that another's key made do not count.</summary>
internal sealed record MeterSubject(string ExternalSubscriptionId, Guid CustomerId);

/// <summary>The quantity of the events whose keys have these values, in the keys' order; null where an event has no such property.</summary>
internal sealed record GroupedQuantity(IReadOnlyList<string?> Values, Quantity Quantity);

/// <summary>From events to quantities: by rollups where they can tell, else from the events themselves. Both give the same, to the last digit.</summary>
internal sealed class MeterQuery(Aggregations aggregations)
{
    /// <summary>The quantity of a period, half-open: <c>from ≤ at &lt; to</c>. Runs inside whatever transaction the connection has open.</summary>
    /// <param name="patience">Seconds that the database may take for each question; Npgsql's 30 when absent.</param>
    /// <exception cref="KeyNotFoundException">Unknown aggregation.</exception>
    /// <exception cref="ArgumentException">The aggregation needs a field and none is given.</exception>
    /// <exception cref="OverflowException">More than 28 digits: no invoice can hold it.</exception>
    /// <exception cref="EventsGoneException">It begins before the events do that are kept, and rollups cannot tell.</exception>
    public async Task<Quantity> ReadAsync(
        NpgsqlConnection connection, MetricTerms metric, MeterSubject subject, DateTimeOffset from, DateTimeOffset to,
        int? patience = null, CancellationToken cancel = default)
    {
        var groups = await ReadAsync(connection, metric, subject, from, to, [], patience, cancel);
        return groups.Count == 0 ? Round(metric, new Quantity(0, 0)) : groups[0].Quantity;
    }

    /// <summary>The same by the values of some properties, in the order of the values. Groups without an event are absent.</summary>
    /// <param name="keys">Names of properties.</param>
    public async Task<IReadOnlyList<GroupedQuantity>> ReadAsync(
        NpgsqlConnection connection, MetricTerms metric, MeterSubject subject, DateTimeOffset from, DateTimeOffset to, IReadOnlyList<string> keys,
        int? patience = null, CancellationToken cancel = default)
    {
        var aggregation = aggregations[metric.AggregationType];
        if (aggregation.NeedsField && string.IsNullOrEmpty(metric.FieldName) && string.IsNullOrEmpty(metric.Expression))
            throw new ArgumentException($"{metric.AggregationType} needs a field.", nameof(metric));
        var (streams, cut) = await StreamsAsync(connection, metric.EventCode, subject, cancel);
        if (streams.Length == 0 || from >= to)
            return [];
        var reading = new MeterReading(connection, metric, streams, keys, cut, patience, cancel);
        var rollup = aggregation.UnitsOf(default) is null ? null
            : await RollupCatalog.FindAsync(connection, metric.Id, keys, metric.Recurring ? RollupGrain.Earliest : from, cancel);
        var found = rollup is not null ? await reading.BySumsAsync(aggregation, rollup, from, to) : await reading.ByEventsAsync(aggregation, from, to);
        return [.. found.Select(group => group with { Quantity = Round(metric, group.Quantity) }).OrderBy(group => string.Join('\u0001', group.Values), StringComparer.Ordinal)];
    }

    private static Quantity Round(MetricTerms metric, Quantity quantity) => quantity with { Units = UnitRounding.Apply(metric, quantity.Units) };

    private static async Task<(int[] Streams, DateTimeOffset? Cut)> StreamsAsync(
        NpgsqlConnection connection, string eventCode, MeterSubject subject, CancellationToken cancel)
    {
        var streams = (await connection.QueryAsync<(int Id, DateTimeOffset? Cut)>(new CommandDefinition($"""
            select id, {EventCut.Sql} from event_streams
            where external_subscription_id = @ExternalSubscriptionId and code = @eventCode and (customer_id is null or customer_id = @CustomerId)
            """, new { subject.ExternalSubscriptionId, subject.CustomerId, eventCode }, cancellationToken: cancel))).AsList();
        return ([.. streams.Select(stream => stream.Id)], streams.Count == 0 ? null : streams[0].Cut);
    }
}
