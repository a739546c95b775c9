using Dapper;
using Npgsql;
using Quota.Billing.Metering;
using Quota.Billing.Metering.Rollups;

namespace Quota.Billing.Ingest;

/// <summary>Which events a list asks for; half-open in time.</summary>
internal sealed record EventFilter(string? Subscription, string? Code, DateTimeOffset? From, DateTimeOffset? To);

/// <summary>
/// Pages of events, newest first. How many there are, and in which quarters of an hour those of a page lie, is told by the rollup that counts
/// all events, so that a page of ten million events reads as many as it shows and no more than a quarter of an hour's.
/// </summary>
internal sealed class EventList(NpgsqlDataSource database)
{
    public async Task<(IReadOnlyList<EventAnswer> Items, long Total)> PageAsync(EventFilter filter, int offset, int limit, CancellationToken cancel)
    {
        await using var connection = await database.OpenConnectionAsync(cancel);
        await using var picture = await connection.BeginTransactionAsync(System.Data.IsolationLevel.RepeatableRead, cancel);
        var streams = (await connection.QueryAsync<int>("""
            select id from event_streams where (@Subscription::text is null or external_subscription_id = @Subscription) and (@Code::text is null or code = @Code)
            """, filter)).ToArray();
        var (since, until) = (filter.From ?? RollupGrain.Earliest, filter.To ?? RollupGrain.Latest);
        if (await EventCut.ReadAsync(connection, cancel) is { } cut && cut > since)
            since = cut;
        var counts = await CountsAsync(connection, streams, since, until, cancel);
        var (from, to, skipped) = PlaceOf(counts, offset, limit, since, until);
        var items = await connection.QueryAsync<EventAnswer>(new CommandDefinition($"""
            select {EventReader.Columns} from (
                select * from usage_events where stream_id = any(@streams) and at >= @from and at < @to order by at desc, id desc offset @skip limit @limit) e
            {EventReader.Joins}
            order by e.at desc, e.id desc
            """, new { streams, from, to, skip = offset - skipped, limit }, cancellationToken: cancel));
        return (items.AsList(), counts.Sum(count => count.Events));
    }

    /// <summary>Events by quarter of an hour, newest first: of whole quarters by the rollup, of those at the edges and without a rollup by counting.</summary>
    private static async Task<List<(DateTimeOffset From, DateTimeOffset To, long Events)>> CountsAsync(
        NpgsqlConnection connection, int[] streams, DateTimeOffset from, DateTimeOffset to, CancellationToken cancel)
    {
        var rollup = await RollupCatalog.FindAsync(connection, null, [], from, cancel);
        var (first, last) = (RollupGrain.From(from, RollupGrain.Quarter), RollupGrain.StartOf(to, RollupGrain.Quarter));
        if (rollup is null || first >= last)
            return await CountAsync(connection, streams, from, to, cancel);
        var counts = await CountAsync(connection, streams, last, to, cancel);
        counts.AddRange((await connection.QueryAsync<(DateTimeOffset Bucket, long Events)>(new CommandDefinition("""
            select bucket, sum(total)::bigint as events from usage_rollups
            where rollup_id = @Id and stream_id = any(@streams) and grain = 15 and bucket >= @first and bucket < @last
            group by bucket order by bucket desc
            """, new { rollup.Id, streams, first, last }, cancellationToken: cancel)))
            .Select(row => (row.Bucket, row.Bucket.AddMinutes(RollupGrain.Quarter), row.Events)));
        counts.AddRange(await CountAsync(connection, streams, from, first, cancel));
        return counts;
    }

    private static async Task<List<(DateTimeOffset From, DateTimeOffset To, long Events)>> CountAsync(
        NpgsqlConnection connection, int[] streams, DateTimeOffset from, DateTimeOffset to, CancellationToken cancel)
    {
        if (from >= to)
            return [];
        var events = await connection.ExecuteScalarAsync<long>(new CommandDefinition(
            "select count(*) from usage_events where stream_id = any(@streams) and at >= @from and at < @to", new { streams, from, to }, cancellationToken: cancel));
        return events > 0 ? [(from, to, events)] : [];
    }

    /// <summary>The span that holds a page, and how many newer events lie beyond it.</summary>
    private static (DateTimeOffset From, DateTimeOffset To, int Skipped) PlaceOf(
        List<(DateTimeOffset From, DateTimeOffset To, long Events)> counts, int offset, int limit, DateTimeOffset from, DateTimeOffset to)
    {
        var (newer, skipped, upper) = (0L, 0L, default(DateTimeOffset?));
        foreach (var count in counts)
        {
            if (upper is null && newer + count.Events > offset)
                (upper, skipped) = (count.To, newer);
            newer += count.Events;
            if (upper is { } end && newer >= (long)offset + limit)
                return (count.From, end, (int)skipped);
        }
        return (from, upper ?? to, (int)skipped);
    }
}
