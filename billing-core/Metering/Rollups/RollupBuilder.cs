using Dapper;
using Npgsql;

namespace Quota.Billing.Metering.Rollups;

/// <summary>
/// Fills rollups with what was stored before they were. From one instant on every writer adds its events to the new rollup; what was
/// committed before that instant is read in one picture of the database and added in a row of the builder's own. Killed half-way, it
/// begins again with a new rollup.
/// </summary>
/// <remarks>
/// The instant: with the rollups' lock in hand nobody is storing events, so a picture taken then holds exactly the events that no writer
/// added to the rollup. The lock is held for as long as that takes, milliseconds.
/// </remarks>
internal sealed class RollupBuilder(NpgsqlDataSource database, TimeProvider clock, ILogger<RollupBuilder> log)
{
    /// <summary>One builder at a time, among all replicas. "build" in ASCII.</summary>
    private const long LockKey = 0x6275696c64;

    /// <summary>Rows that are added up in memory before they are written.</summary>
    private const int MostRows = 50_000;

    /// <summary>Who reads a rollup has chosen it moments before, so its rows stay for a while when it is replaced.</summary>
    private static readonly TimeSpan Afterlife = TimeSpan.FromMinutes(10);

    /// <summary>Builds all that is wanted. False when another process does.</summary>
    public async Task<bool> BuildWantedAsync(CancellationToken cancel)
    {
        await using var guard = await database.OpenConnectionAsync(cancel);
        if (!await guard.ExecuteScalarAsync<bool>($"select pg_try_advisory_lock({LockKey})"))
            return false;
        try
        {
            // With the lock in hand, what is being built is by nobody: its builder died.
            await guard.ExecuteAsync("update rollups set state = 'wanted' where state = 'building'");
            foreach (var rollup in await RollupCatalog.ListAsync(guard, [RollupState.Wanted], cancel))
                await TryBuildAsync(rollup, cancel);
            await ForgetAsync(guard, cancel);
            return true;
        }
        finally
        {
            await guard.ExecuteAsync($"select pg_advisory_unlock({LockKey})");
        }
    }

    /// <summary>One that cannot be built must not keep the others from it; it is tried again with the next round.</summary>
    private async Task TryBuildAsync(RollupTerms wanted, CancellationToken cancel)
    {
        try
        {
            await BuildAsync(wanted, cancel);
        }
        catch (Exception error) when (!cancel.IsCancellationRequested)
        {
            Log.RollupsNotBuilt(log, error);
        }
    }

    private async Task BuildAsync(RollupTerms wanted, CancellationToken cancel)
    {
        await using var reading = await database.OpenConnectionAsync(cancel);
        await using var writing = await database.OpenConnectionAsync(cancel);
        await using var picture = await reading.BeginTransactionAsync(System.Data.IsolationLevel.RepeatableRead, cancel);
        var rollup = await BeginAsync(wanted, reading, cancel);
        var started = clock.GetTimestamp();
        await using var transaction = await writing.BeginTransactionAsync(cancel);
        var events = await AddAllAsync(rollup, reading, writing, cancel);
        await writing.ExecuteAsync(new CommandDefinition("""
            update rollups set state = 'retired', since = @now where id <> @Id and metric_id is not distinct from @metricId and state = 'ready'
                and (keys <@ @keys or metric_id is null);
            update rollups set state = 'ready', since = @now where id = @Id and state = 'building';
            """, new { rollup.Id, metricId = rollup.Metric?.Id, keys = rollup.Keys.ToArray(), now = clock.GetUtcNow() }, cancellationToken: cancel));
        await transaction.CommitAsync(cancel);
        Log.RollupBuilt(log, rollup.Id, events, clock.GetElapsedTime(started));
    }

    /// <summary>The instant from which on all writers know the rollup, under a new number, and whose picture the reading connection has.</summary>
    private async Task<RollupTerms> BeginAsync(RollupTerms wanted, NpgsqlConnection reading, CancellationToken cancel)
    {
        await using var connection = await database.OpenConnectionAsync(cancel);
        await using var transaction = await connection.BeginTransactionAsync(cancel);
        await RollupCatalog.ChangeAsync(connection, cancel);
        var id = await connection.ExecuteScalarAsync<int>(new CommandDefinition("""
            update rollups set state = 'retired', since = @now where id = @Id;
            insert into rollups (metric_id, keys, state, since) select metric_id, keys, 'building', @now from rollups where id = @Id returning id
            """, new { wanted.Id, now = clock.GetUtcNow() }, cancellationToken: cancel));
        await reading.ExecuteAsync(new CommandDefinition("select 1 from rollups limit 1", cancellationToken: cancel));
        await transaction.CommitAsync(cancel);
        return wanted with { Id = id };
    }

    private static async Task<long> AddAllAsync(RollupTerms rollup, NpgsqlConnection reading, NpgsqlConnection writing, CancellationToken cancel)
    {
        var streams = (await reading.QueryAsync<(int Id, string Code)>(new CommandDefinition(
            "select id, code from event_streams where @code::text is null or code = @code", new { code = rollup.Metric?.EventCode }, cancellationToken: cancel)))
            .ToDictionary(stream => stream.Id, stream => stream.Code);
        var deltas = new RollupDeltas(new RollupSet(0, [rollup]));
        var events = 0L;
        var numbers = rollup.Metric is null ? null : streams.Keys.ToArray();
        await foreach (var stored in EventScan.ReadAsync(reading, numbers, DateTimeOffset.MinValue.AddDays(1), DateTimeOffset.MaxValue, ordered: false, patience: 0, cancel))
        {
            // A stream that is not in the picture has no events in it either.
            deltas.Add(streams[stored.StreamId], stored.StreamId, stored.Id, stored.At, stored.IsCorrection, stored.Properties);
            events++;
            if (deltas.Count >= MostRows)
                await WriteAsync(deltas, writing, cancel);
        }
        await WriteAsync(deltas, writing, cancel);
        return events;
    }

    private static async Task WriteAsync(RollupDeltas deltas, NpgsqlConnection writing, CancellationToken cancel)
    {
        await using var batch = new NpgsqlBatch(writing) { Timeout = 0 };
        batch.BatchCommands.Add(RollupStore.Add(deltas.Rows(), RollupStore.BuilderShard));
        await batch.ExecuteNonQueryAsync(cancel);
        deltas.Clear();
    }

    private async Task ForgetAsync(NpgsqlConnection connection, CancellationToken cancel)
    {
        var old = (await connection.QueryAsync<int>("select id from rollups where state = 'retired' and since < @before", new { before = clock.GetUtcNow() - Afterlife })).AsList();
        if (old.Count == 0)
            return;
        await using (var transaction = await connection.BeginTransactionAsync(cancel))
        {
            await RollupCatalog.ChangeAsync(connection, cancel);    // whoever still wrote into them has ended now
            await transaction.CommitAsync(cancel);
        }
        await connection.ExecuteAsync(new CommandDefinition(
            "delete from usage_rollups where rollup_id = any(@old); delete from rollups where id = any(@old)", new { old = old.ToArray() }, commandTimeout: 600, cancellationToken: cancel));
    }
}
