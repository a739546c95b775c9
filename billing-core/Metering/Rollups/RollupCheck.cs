using Dapper;
using Npgsql;
using Quota.Billing.Reconciliation;

namespace Quota.Billing.Metering.Rollups;

/// <summary>
/// Counts the events again and compares what rollups say of them, row by row and in both grains. All in one picture of the database, in which
/// an event and what it added to the rollups are both or neither, so that it runs beside everything else.
/// </summary>
internal sealed class RollupCheck(NpgsqlDataSource database, TimeProvider clock, ILogger<RollupCheck> log)
{
    /// <summary>Rows that are compared at once, if one stream alone has no more.</summary>
    private const int MostRows = 100_000;

    /// <param name="from">Rounded down to a day of UTC; null: from the beginning. Nothing is compared of the time whose events are gone.</param>
    /// <param name="to">Rounded up to a day; null: to the end.</param>
    /// <param name="repair">
    /// Whether rollups that differ are built anew. They are not read from that moment on, and usage comes from the events until the new one is ready.
    /// </param>
    public async Task<IReadOnlyList<RollupReport>> RunAsync(DateTimeOffset? from, DateTimeOffset? to, bool repair, CancellationToken cancel)
    {
        var reports = await CompareAsync(
            RollupGrain.StartOf(from ?? RollupGrain.Earliest, RollupGrain.Day), RollupGrain.From(to ?? RollupGrain.Latest, RollupGrain.Day), cancel);
        foreach (var report in reports.Where(report => report.Differences > 0))
        {
            Log.RollupDiffers(log, report.Rollup.Id, report.Differences, report.Rows);
            if (repair)
                report.IsRepaired = await RepairAsync(report, cancel);
        }
        return reports;
    }

    private async Task<IReadOnlyList<RollupReport>> CompareAsync(DateTimeOffset from, DateTimeOffset to, CancellationToken cancel)
    {
        await using var connection = await database.OpenConnectionAsync(cancel);
        await using var picture = await connection.BeginTransactionAsync(System.Data.IsolationLevel.RepeatableRead, cancel);
        // First, and it is no part of the picture yet: nobody drops events while they are counted.
        await connection.ExecuteAsync("lock table usage_events in access share mode");
        var rollups = await RollupCatalog.TrustedAsync(connection, cancel);
        if (await EventCut.ReadAsync(connection, cancel) is { } cut && cut > from)
            from = cut;
        var codes = (await connection.QueryAsync<(Guid Id, string Code)>("select id, code from billable_metrics")).ToDictionary(metric => metric.Id, metric => metric.Code);
        var reports = rollups.ToDictionary(rollup => rollup.Id, rollup => new RollupReport(rollup, rollup.Metric is { } metric ? codes[metric.Id] : null));
        if (rollups.Count == 0)
            return [];
        var streams = await StreamsAsync(connection, [.. reports.Keys], cancel);
        var deltas = new RollupDeltas(new RollupSet(0, rollups));
        foreach (var chunk in ChunksOf(streams))
        {
            await foreach (var stored in EventScan.ReadAsync(connection, [.. chunk.Keys], from, to, ordered: false, patience: 0, cancel))
                deltas.Add(chunk[stored.StreamId].Code, stored.StreamId, stored.Id, stored.At, stored.IsCorrection, stored.Properties);
            var should = deltas.Rows().ToDictionary();
            deltas.Clear();
            foreach (var (key, has) in await RollupStore.ListAsync(connection, [.. reports.Keys], [.. chunk.Keys], from, to, cancel))
            {
                var right = should.Remove(key, out var found) ? found : default(UsageSums?);
                reports[key.RollupId].Compared(key, chunk[key.StreamId], has, right);
            }
            foreach (var (key, right) in should)
                reports[key.RollupId].Compared(key, chunk[key.StreamId], null, right);
        }
        return [.. reports.Values.OrderBy(report => report.Rollup.Id)];
    }

    private static async Task<List<CheckedStream>> StreamsAsync(NpgsqlConnection connection, int[] rollups, CancellationToken cancel) =>
        (await connection.QueryAsync<CheckedStream>(new CommandDefinition("""
            select s.id, s.external_subscription_id as subscription, s.code, coalesce(r.rows, 0) as rows
            from event_streams s left join (
                select stream_id, count(*) as rows from usage_rollups where rollup_id = any(@rollups) group by stream_id) r on r.stream_id = s.id
            order by s.id
            """, new { rollups }, commandTimeout: 0, cancellationToken: cancel))).AsList();

    private static IEnumerable<Dictionary<int, CheckedStream>> ChunksOf(List<CheckedStream> streams)
    {
        var (chunk, rows) = (new Dictionary<int, CheckedStream>(), 0L);
        foreach (var stream in streams)
        {
            if (chunk.Count > 0 && rows + stream.Rows > MostRows)
            {
                yield return chunk;
                (chunk, rows) = ([], 0);
            }
            chunk[stream.Id] = stream;
            rows += stream.Rows;
        }
        if (chunk.Count > 0)
            yield return chunk;
    }

    /// <summary>False when it is not read any more anyway.</summary>
    private async Task<bool> RepairAsync(RollupReport report, CancellationToken cancel)
    {
        var now = clock.GetUtcNow();
        await using var connection = await database.OpenConnectionAsync(cancel);
        await using var transaction = await connection.BeginTransactionAsync(cancel);
        if (!await RollupCatalog.DistrustAsync(connection, report.Rollup, now))
            return false;
        await FindingStore.AddAsync(connection, FindingKind.RollupDiffers, $"rollup {report.Rollup.Id}", report.Answer, now);
        await transaction.CommitAsync(cancel);
        return true;
    }
}

/// <summary>A stream as people know it, and how many rows rollups have of it.</summary>
internal sealed record CheckedStream(int Id, string? Subscription, string Code, long Rows);
