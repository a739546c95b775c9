using System.Collections.Concurrent;
using System.Globalization;
using Dapper;
using Npgsql;

namespace Quota.Billing.Ingest;

/// <summary>
/// Makes the month partitions of the event tables when the first event of a month arrives. Only for months near now: what lies
/// further off goes to the default partition, so that a wrong clock somewhere cannot make thousands of tables.
/// </summary>
internal sealed class EventPartitions(NpgsqlDataSource database, TimeProvider clock, ILogger<EventPartitions> log)
{
    private const int MonthsBack = 24;
    private const int MonthsAhead = 3;

    /// <summary>One process at a time changes the tables: "parts" in ASCII.</summary>
    private const long LockKey = 0x7061727473;

    private readonly ConcurrentDictionary<(string Table, DateTimeOffset Month), bool> _known = new();

    /// <summary>For gateway events, by the time in their ids.</summary>
    public Task EnsureForIdsAsync(IEnumerable<DateTimeOffset> timesOfIds, CancellationToken cancel) =>
        EnsureAsync("gateway_events", timesOfIds, month => $"'{EventTime.FirstId(month)}'", cancel);

    /// <summary>For API events, by their own time.</summary>
    public Task EnsureForTimesAsync(IEnumerable<DateTimeOffset> times, CancellationToken cancel) =>
        EnsureAsync("api_events", times, month => month.ToString("\\'yyyy-MM-dd 00:00:00+00\\'", CultureInfo.InvariantCulture), cancel);

    private async Task EnsureAsync(string table, IEnumerable<DateTimeOffset> times, Func<DateTimeOffset, string> bound, CancellationToken cancel)
    {
        var now = MonthOf(clock.GetUtcNow());
        foreach (var month in times.Select(MonthOf).Distinct().Order())
        {
            if (month < now.AddMonths(-MonthsBack) || month > now.AddMonths(MonthsAhead) || _known.ContainsKey((table, month)))
                continue;
            await MakeAsync(table, month, bound(month), bound(month.AddMonths(1)), cancel);
            _known[(table, month)] = true;
        }
    }

    // Made aside and then attached: that lets readers and writers of other partitions go on, which PARTITION OF would not.
    private async Task MakeAsync(string table, DateTimeOffset month, string from, string to, CancellationToken cancel)
    {
        var name = $"{table}_{month.ToString("yyyy_MM", CultureInfo.InvariantCulture)}";
        await using var connection = await database.OpenConnectionAsync(cancel);
        await using var transaction = await connection.BeginTransactionAsync(cancel);
        await connection.ExecuteAsync("select pg_advisory_xact_lock(@LockKey)", new { LockKey });
        if (await connection.ExecuteScalarAsync<bool>("select to_regclass(@name) is not null", new { name }))
            return;
        try
        {
            await connection.ExecuteAsync($"""
                set local lock_timeout = '10s';
                create table {name} (like {table} including defaults including constraints);
                alter table {table} attach partition {name} for values from ({from}) to ({to});
                """);
            await transaction.CommitAsync(cancel);
            Log.PartitionMade(log, name);
        }
        catch (PostgresException error) when (error.SqlState == PostgresErrorCodes.CheckViolation)
        {
            // The default partition got events of this month while it was far off; it keeps the month.
            Log.PartitionStaysDefault(log, name);
        }
    }

    private static DateTimeOffset MonthOf(DateTimeOffset time) => new(time.UtcDateTime.Year, time.UtcDateTime.Month, 1, 0, 0, 0, TimeSpan.Zero);
}
