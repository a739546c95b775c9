using System.Data;
using Dapper;
using Npgsql;
using Quota.Billing.Metering;
using Quota.Billing.Metering.Rollups;

namespace Quota.Billing.Ingest;

/// <summary>Events of one code and subscription that are kept and billed to nobody.</summary>
internal sealed record UnknownUsage
{
    public required string Code { get; init; }

    /// <summary>Null: the gateway's key names none.</summary>
    public string? ExternalSubscriptionId { get; init; }

    /// <summary><c>code</c>, <c>external_subscription_id</c> or both: what is not known.</summary>
    public string[] Unknown { get; init; } = [];

    public long EventsCount { get; init; }

    /// <summary>Of events that were dropped since, the start of their quarter of an hour, as far as they were summed up.</summary>
    public DateTimeOffset FirstAt { get; init; }

    public DateTimeOffset LastAt { get; init; }
}

/// <summary>
/// Usage that no metric reads, or whose subscription there never was: typing mistakes, mostly, found here before a customer finds them. It counts
/// from the day it is known, so it is told by what is known now. One row per stream is read, and the events of a page's first and last times.
/// </summary>
internal sealed class UnknownEvents(NpgsqlDataSource database)
{
    /// <summary>A gateway's usage of one customer is not known by another's subscription.</summary>
    private const string Unknown = """
        with s as (
            select e.id, e.code, e.external_subscription_id,
                array_remove(array[
                    case when not exists (select from billable_metrics m where m.event_code = e.code) then 'code' end,
                    case when not exists (select from subscriptions b where b.external_id = e.external_subscription_id and b.status <> 'canceled'
                        and (e.customer_id is null or b.customer_id = e.customer_id)) then 'external_subscription_id' end], null) as unknown
            from event_streams e),
        streams as (
            select s.id, s.code, s.external_subscription_id, s.unknown from s
            where cardinality(s.unknown) > 0 and coalesce(
                (select true from usage_rollups r where r.rollup_id = @rollup and r.stream_id = s.id limit 1),
                (select true from usage_events e where e.stream_id = s.id limit 1), false))
        """;

    public async Task<(IReadOnlyList<UnknownUsage> Items, long Total)> PageAsync(int offset, int limit, CancellationToken cancel)
    {
        await using var connection = await database.OpenConnectionAsync(cancel);
        await using var picture = await connection.BeginTransactionAsync(IsolationLevel.RepeatableRead, cancel);
        var arguments = new
        {
            rollup = (await RollupCatalog.FindAsync(connection, null, [], RollupGrain.Earliest, cancel))?.Id,
            cut = await EventCut.ReadAsync(connection, cancel) ?? RollupGrain.Earliest,
            offset,
            limit,
        };
        // Events are counted by the rollup of all, and one by one until there is one.
        var items = await connection.QueryAsync<UnknownUsage>(new CommandDefinition($"""
            {Unknown}, page as (
                select code, external_subscription_id, array_agg(distinct id) as ids, array_agg(distinct word) as unknown
                from streams cross join unnest(unknown) word
                group by code, external_subscription_id order by code, external_subscription_id nulls first offset @offset limit @limit)
            select code, external_subscription_id, unknown, coalesce(summed.events, stored.events) as events_count,
                least(stored.first_at, summed.first_at) as first_at, greatest(stored.last_at, summed.last_at) as last_at
            from page cross join lateral (
                select min(first.at) as first_at, max(last.at) as last_at,
                    sum(case when @rollup::int is null then (select count(*) from usage_events where stream_id = one and at >= @cut) end)::bigint as events
                from unnest(ids) one
                left join lateral (select at from usage_events where stream_id = one and at >= @cut order by at limit 1) first on true
                left join lateral (select at from usage_events where stream_id = one and at >= @cut order by at desc limit 1) last on true) stored
            cross join lateral (
                select sum(total)::bigint as events, min(bucket) filter (where bucket < @cut) as first_at, max(bucket) filter (where bucket < @cut) as last_at
                from usage_rollups where rollup_id = @rollup and stream_id = any(ids) and grain = 15) summed
            order by code, external_subscription_id nulls first
            """, arguments, cancellationToken: cancel));
        var total = await connection.ExecuteScalarAsync<long>(new CommandDefinition(
            $"{Unknown} select count(*) from (select distinct code, external_subscription_id from streams) u", arguments, cancellationToken: cancel));
        return (items.AsList(), total);
    }
}
