using Npgsql;
using Quota.Billing.Clock;
using Quota.Billing.Metering;
using Quota.Billing.Metering.Rollups;
using Quota.Billing.Reconciliation;

namespace Quota.Billing.Ingest;

/// <summary>
/// Drops the events of months that are older than <c>Ingest__KeepMonths</c>, in two steps: first the cut is written, from which on rollups alone
/// speak of the time before; the events go a while later, when everybody who asked before has his answer. The months that go are
/// compared with their rollups first, because nobody can afterwards. Ids are never dropped, so that what is sent again stays a repeat.
/// </summary>
internal sealed class EventRetention(
    NpgsqlDataSource database, IngestOptions options, EventPartitions partitions, RollupCheck check, IEnumerable<IEventsNeeded> needs,
    TimeProvider clock, ILogger<EventRetention> log) : IDueWork
{
    /// <summary>From the cut to the drop: longer than any question takes to begin to read.</summary>
    private static readonly TimeSpan Grace = TimeSpan.FromMinutes(15);

    /// <summary>After invoices, which end the need for a period's events.</summary>
    public int Order => 900;

    public async Task RunDueAsync(CancellationToken cancel)
    {
        if (options.KeepMonths is not { } months)
            return;
        await using var connection = await database.OpenConnectionAsync(cancel);
        // A builder reads events from the cut that it saw when it began.
        await RollupBuilder.LockAsync(connection, cancel);
        try
        {
            await RunAsync(connection, months, cancel);
        }
        finally
        {
            await RollupBuilder.UnlockAsync(connection);
        }
    }

    private async Task RunAsync(NpgsqlConnection connection, int months, CancellationToken cancel)
    {
        var now = clock.GetUtcNow();
        var cut = await EventCut.LastAsync(connection, cancel);
        if (cut is { } last && last.MadeAt + Grace <= now)
            await partitions.DropAsync(last.Before, cancel);
        var (from, wanted) = (cut?.Before ?? RollupGrain.Earliest, EventPartitions.MonthOf(now).AddMonths(-months));
        if (from >= wanted || !await EventCut.HasEventsAsync(connection, from, wanted, cancel))
            return;
        var before = await MayDropAsync(connection, from, wanted, now, cancel);
        if (before <= from || !await EventCut.HasEventsAsync(connection, from, before, cancel))
            return;
        // What differs is a finding and is built anew from the events; the next run finds it right.
        var reports = await check.RunAsync(from, before, repair: true, cancel);
        if (reports.Any(report => report.Differences > 0))
            return;
        await EventCut.MakeAsync(connection, before, now);
        Log.EventsCut(log, before);
    }

    /// <summary>The start of the month in which the first event lies that somebody needs; each reason to wait is a finding.</summary>
    private async Task<DateTimeOffset> MayDropAsync(
        NpgsqlConnection connection, DateTimeOffset from, DateTimeOffset wanted, DateTimeOffset now, CancellationToken cancel)
    {
        var before = wanted;
        foreach (var room in needs)
        {
            foreach (var reason in (await room.ReadAsync(connection, from, wanted, cancel)).GroupBy(need => need.Reason))
            {
                var first = reason.MinBy(need => (need.Since, need.Subject))!;
                before = first.Since < before ? EventPartitions.MonthOf(first.Since) : before;
                var detail = new { first.Since, First = first.Subject, Count = reason.Count() };
                await FindingStore.AddAsync(connection, FindingKind.RetentionWaits, first.Reason, detail, now);
            }
        }
        return before;
    }
}
