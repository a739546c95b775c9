using Npgsql;
using NpgsqlTypes;

namespace Quota.Billing.Ingest;

/// <summary>
/// Stores events of the public routes: all of a batch or none. The identity is claimed first, in a table that is never dropped; only
/// who claims may store.
/// </summary>
internal sealed class ApiEventStore(NpgsqlDataSource database, EventPartitions partitions)
{
    /// <returns>Positions whose transaction id is taken, in the database or earlier in the batch. Any: nothing was stored.</returns>
    public async Task<IReadOnlyList<int>> StoreAsync(IReadOnlyList<ApiEvent> events, CancellationToken cancel)
    {
        var keys = events.Select(one => Convert.ToHexString(one.Key)).ToList();
        var seen = new HashSet<string>();
        var repeated = keys.Index().Where(pair => !seen.Add(pair.Item)).Select(pair => pair.Index).ToList();
        if (repeated.Count > 0)
            return repeated;
        await partitions.EnsureForTimesAsync(events.Select(one => one.At), cancel);

        await using var connection = await database.OpenConnectionAsync(cancel);
        await using var transaction = await connection.BeginTransactionAsync(cancel);
        var claimed = await ClaimAsync(connection, events, cancel);
        if (claimed.Count < events.Count)
            return [.. keys.Index().Where(pair => !claimed.Contains(pair.Item)).Select(pair => pair.Index)];
        await InsertAsync(connection, events, cancel);
        await transaction.CommitAsync(cancel);
        return [];
    }

    private static async Task<HashSet<string>> ClaimAsync(NpgsqlConnection connection, IReadOnlyList<ApiEvent> events, CancellationToken cancel)
    {
        await using var command = new NpgsqlCommand("""
            insert into event_ids (key, digest, at)
            select e.key, e.digest, e.at from unnest($1, $2, $3) as e (key, digest, at) order by e.key
            on conflict do nothing
            returning key
            """, connection);
        command.Parameters.Add(Column(NpgsqlDbType.Bytea, events.Select(one => one.Key)));
        command.Parameters.Add(Column(NpgsqlDbType.Bytea, events.Select(one => one.Digest)));
        command.Parameters.Add(Column(NpgsqlDbType.TimestampTz, events.Select(one => one.At)));
        var claimed = new HashSet<string>();
        await using var reader = await command.ExecuteReaderAsync(cancel);
        while (await reader.ReadAsync(cancel))
            claimed.Add(Convert.ToHexString(reader.GetFieldValue<byte[]>(0)));
        return claimed;
    }

    private static async Task InsertAsync(NpgsqlConnection connection, IReadOnlyList<ApiEvent> events, CancellationToken cancel)
    {
        await using var command = new NpgsqlCommand("""
            insert into api_events (id, key, transaction_id, at, external_subscription_id, code, properties, precise_total_amount_cents, received_at)
            select e.id, e.key, e.transaction_id, e.at, e.subscription, e.code, e.properties::jsonb, e.amount, e.received_at
            from unnest($1, $2, $3, $4, $5, $6, $7, $8, $9)
                as e (id, key, transaction_id, at, subscription, code, properties, amount, received_at)
            """, connection);
        command.Parameters.Add(Column(NpgsqlDbType.Uuid, events.Select(one => one.Id)));
        command.Parameters.Add(Column(NpgsqlDbType.Bytea, events.Select(one => one.Key)));
        command.Parameters.Add(Column(NpgsqlDbType.Text, events.Select(one => one.TransactionId)));
        command.Parameters.Add(Column(NpgsqlDbType.TimestampTz, events.Select(one => one.At)));
        command.Parameters.Add(Column(NpgsqlDbType.Text, events.Select(one => one.ExternalSubscriptionId)));
        command.Parameters.Add(Column(NpgsqlDbType.Text, events.Select(one => one.Code)));
        command.Parameters.Add(Column(NpgsqlDbType.Text, events.Select(one => one.Properties)));
        command.Parameters.Add(Column(NpgsqlDbType.Numeric, events.Select(one => one.PreciseTotalAmountCents)));
        command.Parameters.Add(Column(NpgsqlDbType.TimestampTz, events.Select(one => one.ReceivedAt)));
        await command.ExecuteNonQueryAsync(cancel);
    }

    private static NpgsqlParameter Column<T>(NpgsqlDbType type, IEnumerable<T> values) =>
        new() { Value = values.ToArray(), NpgsqlDbType = NpgsqlDbType.Array | type };
}
