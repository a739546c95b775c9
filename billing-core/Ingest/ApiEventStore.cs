using System.Text;
using Npgsql;
using NpgsqlTypes;
using Quota.Billing.Metering.Rollups;

namespace Quota.Billing.Ingest;

/// <summary>
/// Stores events of the public routes: all of a batch or none. The identity is claimed first, in a table that is never dropped; only
/// who claims may store.
/// </summary>
internal sealed class ApiEventStore(
    NpgsqlDataSource database, EventPartitions partitions, EventStreams streams, RollupCatalog rollups, WriterSlots slots)
{
    /// <returns>Positions whose transaction id is taken, in the database or earlier in the batch. Any: nothing was stored.</returns>
    public async Task<IReadOnlyList<int>> StoreAsync(IReadOnlyList<ApiEvent> events, CancellationToken cancel)
    {
        var seen = new HashSet<Guid>(events.Count);
        var repeated = events.Index().Where(pair => !seen.Add(pair.Item.Key)).Select(pair => pair.Index).ToList();
        if (repeated.Count > 0)
            return repeated;
        await partitions.EnsureForTimesAsync(events.Select(one => one.At), cancel);
        var keys = events.Select(one => new EventStream(IsGateway: false, CustomerId: null, Org: null, one.ExternalSubscriptionId, one.Code)).ToList();
        var numbers = await streams.NumbersAsync(keys, cancel);

        await using var ingest = await IngestTransaction.BeginAsync(database, rollups, slots, cancel);
        var claimed = await ClaimAsync(ingest.Connection, events, keys.ConvertAll(key => numbers[key]), cancel);
        if (claimed.Count < events.Count)
            return [.. events.Index().Where(pair => !claimed.Contains(pair.Item.Key)).Select(pair => pair.Index)];
        await ingest.StoreAsync(
            [.. events.Select((one, i) => Row(one, numbers[keys[i]]))], keys.ConvertAll(key => key.Code), events[0].ReceivedAt, cancel);
        await ingest.CommitAsync([], [], cancel);
        return [];
    }

    private static EventRow Row(ApiEvent one, int stream) => new(
        one.Id, one.At, stream, IsCorrection: false, one.TransactionId, one.PreciseTotalAmountCents, Counted: default, Encoding.UTF8.GetBytes(one.Properties));

    private static async Task<HashSet<Guid>> ClaimAsync(NpgsqlConnection connection, IReadOnlyList<ApiEvent> events, List<int> numbers, CancellationToken cancel)
    {
        await using var command = new NpgsqlCommand("""
            insert into api_event_ids (key, digest, stream_id, at)
            select e.key, e.digest, e.stream, e.at from unnest($1, $2, $3, $4) as e (key, digest, stream, at) order by e.key
            on conflict do nothing
            returning key
            """, connection);
        command.Parameters.Add(SqlColumns.Column(NpgsqlDbType.Uuid, events.Select(one => one.Key).ToArray()));
        command.Parameters.Add(SqlColumns.Column(NpgsqlDbType.Uuid, events.Select(one => one.Digest).ToArray()));
        command.Parameters.Add(SqlColumns.Column(NpgsqlDbType.Integer, numbers));
        command.Parameters.Add(SqlColumns.Column(NpgsqlDbType.TimestampTz, events.Select(one => one.At.UtcDateTime).ToArray()));
        var claimed = new HashSet<Guid>(events.Count);
        await using var reader = await command.ExecuteReaderAsync(cancel);
        while (await reader.ReadAsync(cancel))
            claimed.Add(reader.GetGuid(0));
        return claimed;
    }
}
