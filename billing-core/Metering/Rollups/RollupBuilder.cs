using Dapper;
using Npgsql;
using Quota.Billing.Reconciliation;

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

    /// <summary>Waits until none builds, and keeps builders from it until <see cref="UnlockAsync"/> or the connection's end.</summary>
    public static Task LockAsync(NpgsqlConnection guard, CancellationToken cancel) =>
        guard.ExecuteAsync(new CommandDefinition($"select pg_advisory_lock({LockKey})", commandTimeout: 0, cancellationToken: cancel));

    public static Task UnlockAsync(NpgsqlConnection guard) => guard.ExecuteAsync($"select pg_advisory_unlock({LockKey})");

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
            await UnlockAsync(guard);
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
        var cut = await EventCut.ReadAsync(reading, cancel);
        var past = cut is { } before ? await RollupPast.FindAsync(reading, rollup, before, cancel) : new RollupPast(null, null, default);
        var deltas = new RollupDeltas(new RollupSet(0, [rollup]));
        await foreach (var (key, sums) in past.ReadAsync(reading, rollup, cancel))
        {
            deltas.Add(key, sums);
            await WriteAsync(deltas, MostRows, writing, cancel);
        }
        var events = await AddAllAsync(rollup, cut, deltas, reading, writing, cancel);
        await FinishAsync(rollup, past.Begins, writing, cancel);
        await transaction.CommitAsync(cancel);
        Log.RollupBuilt(log, rollup.Id, events, clock.GetElapsedTime(started));
    }

    /// <summary>
    /// Makes it the one that is read, unless its metric or another builder ended it meanwhile, and ends those that tell nothing which it does
    /// not tell.
    /// </summary>
    private async Task FinishAsync(RollupTerms rollup, DateTimeOffset? begins, NpgsqlConnection writing, CancellationToken cancel)
    {
        var now = clock.GetUtcNow();
        await writing.ExecuteAsync(new CommandDefinition("""
            with finished as (update rollups set state = 'ready', since = @now, begins_at = @begins where id = @Id and state = 'building' returning 1)
            update rollups set state = 'retired', since = @now
            where exists (select from finished) and id <> @Id and metric_id is not distinct from @metricId and state = 'ready'
                and (keys <@ @keys or metric_id is null) and (@begins::timestamptz is null or begins_at >= @begins)
            """, new { rollup.Id, metricId = rollup.Metric?.Id, keys = rollup.Keys.ToArray(), begins, now }, cancellationToken: cancel));
        if (begins is { } start)
            await FindingStore.AddAsync(writing, FindingKind.RollupIncomplete, $"rollup {rollup.Id}", new { rollup.Keys, MetricId = rollup.Metric?.Id, Begins = start }, now);
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

    /// <param name="cut">Events before it are gone, or about to be.</param>
    private static async Task<long> AddAllAsync(
        RollupTerms rollup, DateTimeOffset? cut, RollupDeltas deltas, NpgsqlConnection reading, NpgsqlConnection writing, CancellationToken cancel)
    {
        var streams = (await reading.QueryAsync<(int Id, string Code)>(new CommandDefinition(
            "select id, code from event_streams where @code::text is null or code = @code", new { code = rollup.Metric?.EventCode }, cancellationToken: cancel)))
            .ToDictionary(stream => stream.Id, stream => stream.Code);
        var events = 0L;
        var numbers = rollup.Metric is null ? null : streams.Keys.ToArray();
        await foreach (var stored in EventScan.ReadAsync(reading, numbers, cut ?? RollupGrain.Earliest, DateTimeOffset.MaxValue, ordered: false, patience: 0, cancel))
        {
            // A stream that is not in the picture has no events in it either.
            deltas.Add(streams[stored.StreamId], stored.StreamId, stored.Id, stored.At, stored.IsCorrection, stored.Properties);
            events++;
            await WriteAsync(deltas, MostRows, writing, cancel);
        }
        await WriteAsync(deltas, 0, writing, cancel);
        return events;
    }

    private static async ValueTask WriteAsync(RollupDeltas deltas, int least, NpgsqlConnection writing, CancellationToken cancel)
    {
        if (deltas.Count < least)
            return;
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
