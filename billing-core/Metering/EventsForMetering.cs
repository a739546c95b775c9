using Dapper;
using Npgsql;
using Quota.Billing.Metering.Rollups;

namespace Quota.Billing.Metering;

/// <summary>
/// What recurs and is read in order needs every event there ever was of its code. Rollups that are not built, or are not trusted, need all: they
/// could not be built any more.
/// </summary>
internal sealed class EventsForMetering(Aggregations aggregations) : IEventsNeeded
{
    public async Task<IReadOnlyList<EventsNeed>> ReadAsync(NpgsqlConnection connection, DateTimeOffset from, DateTimeOffset to, CancellationToken cancel)
    {
        var inOrder = aggregations.Names.Where(name => aggregations[name].UnitsOf(default) is null).ToArray();
        var needs = await connection.QueryAsync<EventsNeed>(new CommandDefinition("""
            select 'metric_reads_all_events' as reason, m.code as subject, min(e.at) as since
                from billable_metrics m join event_streams s on s.code = m.event_code join usage_events e on e.stream_id = s.id
                where m.recurring and m.aggregation_type = any(@inOrder) and e.at >= @from and e.at < @to group by m.code
            union all
            select 'rollup_not_ready', 'rollup ' || id, @from from rollups
                where state in ('wanted', 'building') or state = 'ready' and distrusted_at is not null
            """, new { inOrder, from, to }, commandTimeout: 0, cancellationToken: cancel));
        return needs.AsList();
    }
}
