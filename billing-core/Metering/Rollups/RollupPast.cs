using System.Runtime.CompilerServices;
using Dapper;
using Npgsql;

namespace Quota.Billing.Metering.Rollups;

/// <summary>Where a new rollup has the sums from of the time whose events are gone.</summary>
/// <param name="Source">The one that has them; null: none, or none are needed.</param>
/// <param name="Begins">What a rollup that is built of it knows nothing before; null: it has all.</param>
/// <param name="Cut">Until when sums are taken over.</param>
internal sealed record RollupPast(RollupTerms? Source, DateTimeOffset? Begins, DateTimeOffset Cut)
{
    /// <summary>Of the ready ones that have the keys the one that goes back furthest; one that differs from its events after the cut too, if it is all there is.</summary>
    public static async Task<RollupPast> FindAsync(NpgsqlConnection connection, RollupTerms rollup, DateTimeOffset cut, CancellationToken cancel)
    {
        var arguments = new { rollup.Id, metricId = rollup.Metric?.Id, keys = rollup.Keys.ToArray(), code = rollup.Metric?.EventCode, cut };
        var found = await connection.QueryFirstOrDefaultAsync<(int Id, string[] Keys, DateTimeOffset? Begins)?>(new CommandDefinition("""
            select id, keys, begins_at from rollups where metric_id is not distinct from @metricId and state = 'ready' and id <> @Id and keys @> @keys
            order by begins_at nulls first, distrusted_at is not null, cardinality(keys), id limit 1
            """, arguments, cancellationToken: cancel));
        if (found is { } source)
            return new RollupPast(rollup with { Id = source.Id, Keys = source.Keys }, source.Begins, cut);
        // The rollup of all events tells whether there were any; without it there may have been.
        var hadNone = await connection.ExecuteScalarAsync<bool>(new CommandDefinition("""
            select exists (select from rollups where metric_id is null and state = 'ready' and begins_at is null) and not exists (
                select from rollups a join usage_rollups r on r.rollup_id = a.id join event_streams s on s.id = r.stream_id
                where a.metric_id is null and a.state = 'ready' and r.grain = 1440 and r.bucket < @cut and (@code::text is null or s.code = @code))
            """, arguments, commandTimeout: 0, cancellationToken: cancel));
        return new RollupPast(null, hadNone ? null : cut, cut);
    }

    /// <summary>Its sums by the new one's keys, of quarters of an hour.</summary>
    public async IAsyncEnumerable<(RollupKey Quarter, UsageSums Sums)> ReadAsync(
        NpgsqlConnection connection, RollupTerms rollup, [EnumeratorCancellation] CancellationToken cancel)
    {
        if (Source is null)
            yield break;
        await foreach (var (key, sums) in RollupStore.QuartersAsync(connection, Source.Id, Cut, cancel))
            yield return (key with { RollupId = rollup.Id, Dims = RollupDims.Narrow(key.Dims, Source.Keys, rollup.Keys) }, sums);
    }
}
