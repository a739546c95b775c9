using System.Runtime.CompilerServices;
using Npgsql;
using NpgsqlTypes;

namespace Quota.Billing.Metering;

/// <summary>An event as it is stored. Properties are flat JSON.</summary>
internal readonly record struct ScannedEvent(Guid Id, DateTimeOffset At, int StreamId, bool IsCorrection, ReadOnlyMemory<byte> Properties);

/// <summary>Reads stored events of some streams, one after the other: memory does not grow with their number.</summary>
internal static class EventScan
{
    /// <param name="streams">The streams' numbers; null for all.</param>
    /// <param name="ordered">In canonical order (time, then id); else in any.</param>
    public static async IAsyncEnumerable<ScannedEvent> ReadAsync(
        NpgsqlConnection connection, int[]? streams, DateTimeOffset from, DateTimeOffset to, bool ordered, int? patience,
        [EnumeratorCancellation] CancellationToken cancel)
    {
        await using var command = new NpgsqlCommand($"""
            select id, at, stream_id, is_correction, properties from usage_events
            where at >= $1 and at < $2 {(streams is null ? "" : "and stream_id = any($3)")} {(ordered ? "order by at, id" : "")}
            """, connection);
        command.Parameters.Add(new() { Value = from.UtcDateTime, NpgsqlDbType = NpgsqlDbType.TimestampTz });
        command.Parameters.Add(new() { Value = to.UtcDateTime, NpgsqlDbType = NpgsqlDbType.TimestampTz });
        if (streams is not null)
            command.Parameters.Add(new() { Value = streams, NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Integer });
        if (patience is { } seconds)
            command.CommandTimeout = seconds;
        await using var reader = await command.ExecuteReaderAsync(cancel);
        while (await reader.ReadAsync(cancel))
        {
            yield return new ScannedEvent(
                reader.GetGuid(0), new DateTimeOffset(reader.GetDateTime(1)), reader.GetInt32(2), reader.GetBoolean(3), reader.GetFieldValue<byte[]>(4));
        }
    }
}
