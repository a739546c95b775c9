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
    public const string Events = "usage_events";

    private const int MonthsBack = 24;
    private const int MonthsAhead = 3;

    /// <summary>One process at a time changes the tables: "parts" in ASCII.</summary>
    private const long LockKey = 0x7061727473;

    /// <summary>Partitioned by the ids themselves, which begin with their time.</summary>
    private static readonly string[] ById = ["gateway_event_ids", "settled_spend"];

    private readonly ConcurrentDictionary<(bool ById, DateTimeOffset Month), bool> _known = new();

    /// <summary>For gateway events' identities, by the time in their ids.</summary>
    public Task EnsureForIdsAsync(IEnumerable<DateTimeOffset> timesOfIds, CancellationToken cancel) => EnsureAsync(true, timesOfIds, cancel);

    /// <summary>For events, by their own time.</summary>
    public Task EnsureForTimesAsync(IEnumerable<DateTimeOffset> times, CancellationToken cancel) => EnsureAsync(false, times, cancel);

    public static string NameOf(string table, DateTimeOffset month) => $"{table}_{month.ToString("yyyy_MM", CultureInfo.InvariantCulture)}";

    public static DateTimeOffset MonthOf(DateTimeOffset time) => new(time.UtcDateTime.Year, time.UtcDateTime.Month, 1, 0, 0, 0, TimeSpan.Zero);

    private async Task EnsureAsync(bool byId, IEnumerable<DateTimeOffset> times, CancellationToken cancel)
    {
        var now = MonthOf(clock.GetUtcNow());
        var last = default(DateTimeOffset?);
        foreach (var time in times)
        {
            // Events come in runs of one month, and there are a thousand of them.
            if (last is { } before && time >= before && time < before.AddMonths(1))
                continue;
            var month = MonthOf(time);
            last = month;
            if (month < now.AddMonths(-MonthsBack) || month > now.AddMonths(MonthsAhead) || _known.ContainsKey((byId, month)))
                continue;
            foreach (var table in byId ? ById : [Events])
                await MakeAsync(table, month, Bound(byId, month), Bound(byId, month.AddMonths(1)), cancel);
            _known[(byId, month)] = true;
        }
    }

    /// <summary>
    /// Drops the months that lie before a time, and what the default partition has of them. Their partitions may come again with late events,
    /// which are in the rollups too; the next call drops them again.
    /// </summary>
    public async Task DropAsync(DateTimeOffset before, CancellationToken cancel)
    {
        await using var connection = await database.OpenConnectionAsync(cancel);
        var last = NameOf(Events, before);
        var old = (await connection.QueryAsync<string>(new CommandDefinition("""
            select c.relname from pg_inherits i join pg_class c on c.oid = i.inhrelid
            where i.inhparent = 'usage_events'::regclass and c.relname ~ '^usage_events_\d{4}_\d\d$' and c.relname collate "C" < @last order by c.relname
            """, new { last }, cancellationToken: cancel))).AsList();
        foreach (var name in old)
        {
            // Waiting for long would make everybody wait who comes after; the next call tries again.
            await using var transaction = await connection.BeginTransactionAsync(cancel);
            await connection.ExecuteAsync(new CommandDefinition(
                $"select pg_advisory_xact_lock({LockKey}); set local lock_timeout = '3s'; drop table {name}", cancellationToken: cancel));
            await transaction.CommitAsync(cancel);
            Log.PartitionDropped(log, name);
        }
        await connection.ExecuteAsync(new CommandDefinition(
            "delete from usage_events_other where at < @before", new { before }, commandTimeout: 0, cancellationToken: cancel));
    }

    private static string Bound(bool byId, DateTimeOffset month) =>
        byId ? $"'{EventTime.FirstId(month)}'" : month.ToString("\\'yyyy-MM-dd 00:00:00+00\\'", CultureInfo.InvariantCulture);

    // Made aside and then attached: that lets readers and writers of other partitions go on, which PARTITION OF would not.
    private async Task MakeAsync(string table, DateTimeOffset month, string from, string to, CancellationToken cancel)
    {
        var name = NameOf(table, month);
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
}
