using System.Numerics;
using System.Runtime.CompilerServices;
using Npgsql;
using NpgsqlTypes;

namespace Quota.Billing.Metering.Rollups;

/// <summary>Owns the SQL of <c>usage_rollups</c>.</summary>
internal static class RollupStore
{
    /// <summary>The builder's own, so that it never meets a writer.</summary>
    public const short BuilderShard = -1;

    /// <summary>The command that adds rows to those that are there.</summary>
    public static NpgsqlBatchCommand Add(IReadOnlyList<KeyValuePair<RollupKey, UsageSums>> rows, short shard)
    {
        var count = rows.Count;
        var (ids, streams, grains, buckets, dims) = (new int[count], new int[count], new short[count], new DateTime[count], new string[count]);
        var (calls, total, most, least) = (new long[count], new BigInteger[count], new BigInteger?[count], new BigInteger?[count]);
        for (var i = 0; i < count; i++)
        {
            var (key, sums) = (rows[i].Key, rows[i].Value);
            (ids[i], streams[i], grains[i], dims[i]) = (key.RollupId, key.StreamId, key.Grain, key.Dims);
            buckets[i] = new DateTime(key.Bucket, DateTimeKind.Utc);
            (calls[i], total[i]) = (sums.Calls, sums.Total);
            (most[i], least[i]) = (sums.Most is { } largest ? (BigInteger)largest : null, sums.Least is { } smallest ? (BigInteger)smallest : null);
        }
        var command = new NpgsqlBatchCommand("""
            insert into usage_rollups (rollup_id, stream_id, grain, bucket, dims, shard, calls, total, most, least)
            select r.id, r.stream, r.grain, r.bucket, r.dims, $10, r.calls, r.total, r.most, r.least
            from unnest($1, $2, $3, $4, $5, $6, $7, $8, $9) as r (id, stream, grain, bucket, dims, calls, total, most, least)
            order by r.id, r.stream, r.grain, r.bucket, r.dims collate "C"
            on conflict (rollup_id, stream_id, grain, bucket, dims, shard) do update set calls = usage_rollups.calls + excluded.calls,
                total = usage_rollups.total + excluded.total, most = greatest(usage_rollups.most, excluded.most), least = least(usage_rollups.least, excluded.least)
            """);
        command.Parameters.Add(Column(NpgsqlDbType.Integer, ids));
        command.Parameters.Add(Column(NpgsqlDbType.Integer, streams));
        command.Parameters.Add(Column(NpgsqlDbType.Smallint, grains));
        command.Parameters.Add(Column(NpgsqlDbType.TimestampTz, buckets));
        command.Parameters.Add(Column(NpgsqlDbType.Text, dims));
        command.Parameters.Add(Column(NpgsqlDbType.Bigint, calls));
        command.Parameters.Add(Column(NpgsqlDbType.Numeric, total));
        command.Parameters.Add(Column(NpgsqlDbType.Numeric, most));
        command.Parameters.Add(Column(NpgsqlDbType.Numeric, least));
        command.Parameters.Add(new() { Value = shard, NpgsqlDbType = NpgsqlDbType.Smallint });
        return command;
    }

    /// <summary>
    /// The sums of whole quarters of an hour, by the keys' values: whole days from the rows of days, the rest from those of quarters.
    /// </summary>
    /// <param name="from">Start of a quarter.</param>
    /// <param name="to">Start of a quarter.</param>
    public static async Task<List<(string Dims, UsageSums Sums)>> ReadAsync(
        NpgsqlConnection connection, int rollupId, int[] streams, DateTimeOffset from, DateTimeOffset to, int? patience, CancellationToken cancel)
    {
        var (firstDay, lastDay) = (RollupGrain.From(from, RollupGrain.Day), RollupGrain.StartOf(to, RollupGrain.Day));
        if (firstDay > lastDay)
            (firstDay, lastDay) = (to, to);     // no whole day in it: all are quarters before `firstDay`
        await using var command = new NpgsqlCommand("""
            select dims, sum(calls)::bigint, sum(total), max(most), min(least) from (
                select dims, calls, total, most, least from usage_rollups
                    where rollup_id = $1 and stream_id = any($2) and grain = 1440 and bucket >= $4 and bucket < $5
                union all
                select dims, calls, total, most, least from usage_rollups
                    where rollup_id = $1 and stream_id = any($2) and grain = 15 and bucket >= $3 and bucket < $4
                union all
                select dims, calls, total, most, least from usage_rollups
                    where rollup_id = $1 and stream_id = any($2) and grain = 15 and bucket >= $5 and bucket < $6) r
            group by dims
            """, connection);
        command.Parameters.Add(new() { Value = rollupId, NpgsqlDbType = NpgsqlDbType.Integer });
        command.Parameters.Add(Column(NpgsqlDbType.Integer, streams));
        foreach (var time in new[] { from, firstDay, lastDay, to })
            command.Parameters.Add(new() { Value = time.UtcDateTime, NpgsqlDbType = NpgsqlDbType.TimestampTz });
        if (patience is { } seconds)
            command.CommandTimeout = seconds;
        var found = new List<(string, UsageSums)>();
        await using var reader = await command.ExecuteReaderAsync(cancel);
        while (await reader.ReadAsync(cancel))
            found.Add((reader.GetString(0), await SumsAsync(reader, 1, cancel)));
        return found;
    }

    /// <summary>All rows of some rollups and streams, of both grains, each summed up over the writers.</summary>
    /// <param name="from">Start of a day.</param>
    /// <param name="to">Start of a day.</param>
    public static async Task<List<(RollupKey Key, UsageSums Sums)>> ListAsync(
        NpgsqlConnection connection, int[] rollupIds, int[] streams, DateTimeOffset from, DateTimeOffset to, CancellationToken cancel)
    {
        await using var command = new NpgsqlCommand("""
            select rollup_id, stream_id, grain, bucket, dims, sum(calls)::bigint, sum(total), max(most), min(least) from usage_rollups
            where rollup_id = any($1) and stream_id = any($2) and bucket >= $3 and bucket < $4
            group by rollup_id, stream_id, grain, bucket, dims
            """, connection) { CommandTimeout = 0 };
        command.Parameters.Add(Column(NpgsqlDbType.Integer, rollupIds));
        command.Parameters.Add(Column(NpgsqlDbType.Integer, streams));
        command.Parameters.Add(new() { Value = from.UtcDateTime, NpgsqlDbType = NpgsqlDbType.TimestampTz });
        command.Parameters.Add(new() { Value = to.UtcDateTime, NpgsqlDbType = NpgsqlDbType.TimestampTz });
        var found = new List<(RollupKey, UsageSums)>();
        await using var reader = await command.ExecuteReaderAsync(cancel);
        while (await reader.ReadAsync(cancel))
            found.Add((Key(reader), await SumsAsync(reader, 5, cancel)));
        return found;
    }

    /// <summary>All that a rollup has of quarters of an hour before a time.</summary>
    public static async IAsyncEnumerable<(RollupKey Key, UsageSums Sums)> QuartersAsync(
        NpgsqlConnection connection, int rollupId, DateTimeOffset before, [EnumeratorCancellation] CancellationToken cancel)
    {
        await using var command = new NpgsqlCommand("""
            select rollup_id, stream_id, grain, bucket, dims, calls, total, most, least from usage_rollups where rollup_id = $1 and grain = 15 and bucket < $2
            """, connection) { CommandTimeout = 0 };
        command.Parameters.Add(new() { Value = rollupId, NpgsqlDbType = NpgsqlDbType.Integer });
        command.Parameters.Add(new() { Value = before.UtcDateTime, NpgsqlDbType = NpgsqlDbType.TimestampTz });
        await using var reader = await command.ExecuteReaderAsync(cancel);
        while (await reader.ReadAsync(cancel))
            yield return (Key(reader), await SumsAsync(reader, 5, cancel));
    }

    private static RollupKey Key(NpgsqlDataReader reader) =>
        new(reader.GetInt32(0), reader.GetInt32(1), reader.GetInt16(2), reader.GetDateTime(3).Ticks, reader.GetString(4));

    private static async Task<UsageSums> SumsAsync(NpgsqlDataReader reader, int first, CancellationToken cancel) => new(
        reader.GetInt64(first), PicoUnits.FromDatabase(reader.GetFieldValue<BigInteger>(first + 1)),
        await reader.IsDBNullAsync(first + 2, cancel) ? null : PicoUnits.FromDatabase(reader.GetFieldValue<BigInteger>(first + 2)),
        await reader.IsDBNullAsync(first + 3, cancel) ? null : PicoUnits.FromDatabase(reader.GetFieldValue<BigInteger>(first + 3)));

    private static NpgsqlParameter Column(NpgsqlDbType type, object values) => new() { Value = values, NpgsqlDbType = NpgsqlDbType.Array | type };
}
