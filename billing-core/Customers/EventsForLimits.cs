using Dapper;
using Npgsql;
using Quota.Billing.Metering;

namespace Quota.Billing.Customers;

/// <summary>Usage and seeds of limits are summed from the events of their windows: a lifetime needs all, a year's limit those since it began.</summary>
internal sealed class EventsForLimits(TimeProvider clock) : IEventsNeeded
{
    public async Task<IReadOnlyList<EventsNeed>> ReadAsync(NpgsqlConnection connection, DateTimeOffset from, DateTimeOffset to, CancellationToken cancel)
    {
        var now = clock.GetUtcNow();
        var limits = await connection.QueryAsync<Limit>(new CommandDefinition($"{LimitStore.Select} where l.enabled", cancellationToken: cancel));
        var windows = limits.Select(limit => (Limit: limit, UsageQuery.WindowOf(limit, now)?.Start))
            .Where(pair => pair.Start is { } start && start < to.ToUnixTimeMilliseconds())
            .GroupBy(pair => pair.Limit.CustomerId, (_, same) => same.MinBy(pair => pair.Start)).ToList();
        return (await connection.QueryAsync<EventsNeed>(new CommandDefinition("""
            select 'limit_counts_events' as reason, w.name as subject, first.at as since
            from unnest(@customers, @names, @starts) as w (customer, name, start) cross join lateral (
                select min(e.at) as at from event_streams s join usage_events e on e.stream_id = s.id
                where s.customer_id = w.customer and s.is_gateway and e.at >= greatest(w.start, @from) and e.at < @to) first
            where first.at is not null
            """, new
        {
            customers = windows.ConvertAll(pair => pair.Limit.CustomerId).ToArray(),
            names = windows.ConvertAll(pair => $"{pair.Limit.ExternalCustomerId} {pair.Limit.Code}").ToArray(),
            starts = windows.ConvertAll(pair => DateTimeOffset.FromUnixTimeMilliseconds(pair.Start!.Value).UtcDateTime).ToArray(),
            from,
            to,
        }, commandTimeout: 0, cancellationToken: cancel))).AsList();
    }
}
