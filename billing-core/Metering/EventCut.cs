using Dapper;
using Npgsql;

namespace Quota.Billing.Metering;

/// <summary>Since when there are events: those of months before were dropped. Owns the SQL of <c>event_cuts</c>.</summary>
internal static class EventCut
{
    /// <summary>For a query: null when no event was ever dropped.</summary>
    public const string Sql = "(select max(before) from event_cuts)";

    /// <summary>The start of a month; null when no event was ever dropped.</summary>
    public static Task<DateTimeOffset?> ReadAsync(NpgsqlConnection connection, CancellationToken cancel) =>
        connection.ExecuteScalarAsync<DateTimeOffset?>(new CommandDefinition($"select {Sql}", cancellationToken: cancel));

    /// <summary>The latest one and when it was made; null when no event was ever dropped.</summary>
    public static Task<EventCutRow?> LastAsync(NpgsqlConnection connection, CancellationToken cancel) =>
        connection.QueryFirstOrDefaultAsync<EventCutRow>(new CommandDefinition(
            "select before, made_at from event_cuts order by before desc limit 1", cancellationToken: cancel));

    public static Task<bool> HasEventsAsync(NpgsqlConnection connection, DateTimeOffset from, DateTimeOffset to, CancellationToken cancel) =>
        connection.ExecuteScalarAsync<bool>(new CommandDefinition(
            "select exists (select from usage_events where at >= @from and at < @to)", new { from, to }, commandTimeout: 0, cancellationToken: cancel));

    /// <summary>Before the first event goes: who reads must not take what is left for all.</summary>
    public static Task MakeAsync(NpgsqlConnection connection, DateTimeOffset before, DateTimeOffset now) => connection.ExecuteAsync(
        "insert into event_cuts (before, made_at) values (@before, @now) on conflict do nothing", new { before, now });
}

/// <summary>A row of <c>event_cuts</c>.</summary>
internal sealed record EventCutRow(DateTimeOffset Before, DateTimeOffset MadeAt);

/// <summary>Asked for what only events could tell, of a time whose events were dropped.</summary>
internal sealed class EventsGoneException(DateTimeOffset cut) : Exception($"events before {cut:yyyy-MM-dd} were dropped, and no rollup tells what is asked for")
{
    public DateTimeOffset Cut => cut;
}
