using Npgsql;
using NpgsqlTypes;
using Quota.Shared.Usage;

namespace Quota.Billing.Ingest;

/// <summary>
/// Stores shipped events, each once however often it comes. One transaction a batch; a lost answer or COMMIT is cured by sending the
/// batch again, cut as it may be.
/// </summary>
/// <remarks>
/// Two statements (a row that another batch committed after our snapshot blocks the insert but cannot be seen by the same statement):
/// insert what is new in order of id, so that batches with common events wait for each other instead of deadlocking; then read the
/// digests of the rest and tell a duplicate from a conflict.
/// </remarks>
internal sealed class GatewayEventStore(NpgsqlDataSource database, EventPartitions partitions, TimeProvider clock)
{
    /// <returns>One result per event of the batch, in its order.</returns>
    public async Task<IReadOnlyList<ShipResult>> StoreAsync(GatewayBatch batch, CancellationToken cancel)
    {
        var events = FirstOfEachId(batch);
        await partitions.EnsureForIdsAsync(events.Select(one => one.IdTime), cancel);

        await using var connection = await database.OpenConnectionAsync(cancel);
        await using var transaction = await connection.BeginTransactionAsync(cancel);
        var astray = await CorrectedOrgs.AstrayAsync(connection, events, cancel);
        var storable = events.FindAll(one => !astray.Contains(one.Id));
        var inserted = storable.Count == 0 ? [] : await InsertAsync(connection, storable, cancel);
        var rest = events.Where(one => !inserted.ContainsKey(one.Id)).Select(one => one.Id).ToArray();
        var stored = rest.Length == 0 ? [] : await DigestsAsync(connection, rest, cancel);
        foreach (var one in events.Where(one => inserted.ContainsKey(one.Id)))
            stored[one.Id] = one.Digest;

        var results = Classify(batch, inserted, stored, astray);
        await KeepConflictsAsync(connection, batch, results, cancel);
        await AnnotateAsync(connection, batch.Settled, cancel);
        await SeenAsync(connection, batch, cancel);
        await RaiseVersionsAsync(connection, storable, inserted, cancel);
        await transaction.CommitAsync(cancel);
        return results;
    }

    private static List<GatewayEvent> FirstOfEachId(GatewayBatch batch) =>
        [.. batch.Events.Where(outcome => outcome.Event is not null).Select(outcome => outcome.Event!).DistinctBy(one => one.Id)];

    /// <returns>Whose each new event is, as far as the customer is known.</returns>
    private async Task<Dictionary<Guid, Guid?>> InsertAsync(NpgsqlConnection connection, List<GatewayEvent> events, CancellationToken cancel)
    {
        await using var command = new NpgsqlCommand("""
            insert into gateway_events (id, digest, at, customer_id, external_customer_id, external_subscription_id, code, properties, body, counted, received_at)
            select e.id, e.digest, e.at, c.id, e.org, e.subscription, e.code, e.properties::jsonb, e.body, string_to_array(e.counted, E'\n'), $10
            from unnest($1, $2, $3, $4, $5, $6, $7, $8, $9) as e (id, digest, at, org, subscription, code, properties, body, counted)
            left join customers c on c.external_id = e.org and c.deleted_at is null
            order by e.id
            on conflict (id) do nothing
            returning id, customer_id
            """, connection);
        command.Parameters.Add(Column(NpgsqlDbType.Uuid, events.ConvertAll(one => one.Id)));
        command.Parameters.Add(Column(NpgsqlDbType.Bytea, events.ConvertAll(one => one.Digest)));
        command.Parameters.Add(Column(NpgsqlDbType.TimestampTz, events.ConvertAll(one => one.At)));
        command.Parameters.Add(Column(NpgsqlDbType.Text, events.ConvertAll(one => one.Org)));
        command.Parameters.Add(Column(NpgsqlDbType.Text, events.ConvertAll(one => one.Subscription)));
        command.Parameters.Add(Column(NpgsqlDbType.Text, events.ConvertAll(one => one.Code)));
        command.Parameters.Add(Column(NpgsqlDbType.Text, events.ConvertAll(one => one.Properties)));
        command.Parameters.Add(Column(NpgsqlDbType.Text, events.ConvertAll(one => one.Body)));
        // unnest would take lists of lists apart; a counter's name holds no line end.
        command.Parameters.Add(Column(NpgsqlDbType.Text, events.ConvertAll(one => string.Join('\n', one.Counted))));
        command.Parameters.Add(new() { Value = clock.GetUtcNow(), NpgsqlDbType = NpgsqlDbType.TimestampTz });
        var inserted = new Dictionary<Guid, Guid?>();
        await using var reader = await command.ExecuteReaderAsync(cancel);
        while (await reader.ReadAsync(cancel))
            inserted[reader.GetGuid(0)] = await reader.IsDBNullAsync(1, cancel) ? null : reader.GetGuid(1);
        return inserted;
    }

    private static async Task<Dictionary<Guid, byte[]>> DigestsAsync(NpgsqlConnection connection, Guid[] ids, CancellationToken cancel)
    {
        await using var command = new NpgsqlCommand("select id, digest from gateway_events where id = any($1)", connection);
        command.Parameters.Add(Column(NpgsqlDbType.Uuid, ids));
        var digests = new Dictionary<Guid, byte[]>();
        await using var reader = await command.ExecuteReaderAsync(cancel);
        while (await reader.ReadAsync(cancel))
            digests[reader.GetGuid(0)] = reader.GetFieldValue<byte[]>(1);
        return digests;
    }

    /// <param name="stored">The digest that counts for each id, whoever stored it.</param>
    /// <param name="astray">Corrections that were not let in now; one that was stored before its corrected event came stays stored.</param>
    private static List<ShipResult> Classify(GatewayBatch batch, Dictionary<Guid, Guid?> inserted, Dictionary<Guid, byte[]> stored, HashSet<Guid> astray)
    {
        var accepted = new HashSet<Guid>();
        return [.. batch.Events.Select(outcome => outcome.Event switch
        {
            null => new ShipResult(outcome.Id, ShipStatus.Rejected, outcome.Reason),
            { } one when astray.Contains(one.Id) && !stored.ContainsKey(one.Id) => new ShipResult(one.Id, ShipStatus.Rejected, "corrects an event of another org"),
            { } one when !one.Digest.AsSpan().SequenceEqual(stored[one.Id]) => new ShipResult(one.Id, ShipStatus.Conflict, "this id was stored before with other bytes"),
            { } one when inserted.ContainsKey(one.Id) && accepted.Add(one.Id) => new ShipResult(one.Id, ShipStatus.Accepted, null),
            { } one => new ShipResult(one.Id, ShipStatus.Duplicate, null),
        })];
    }

    private async Task KeepConflictsAsync(NpgsqlConnection connection, GatewayBatch batch, List<ShipResult> results, CancellationToken cancel)
    {
        var conflicts = batch.Events.Zip(results).Where(pair => pair.Second.Status == ShipStatus.Conflict).Select(pair => pair.First.Event!).ToList();
        if (conflicts.Count == 0)
            return;
        await using var command = new NpgsqlCommand("""
            insert into event_conflicts (id, digest, body, received_at)
            select c.id, c.digest, c.body, $4 from unnest($1, $2, $3) as c (id, digest, body) order by c.id, c.digest
            on conflict do nothing
            """, connection);
        command.Parameters.Add(Column(NpgsqlDbType.Text, conflicts.ConvertAll(one => one.Id.ToString())));
        command.Parameters.Add(Column(NpgsqlDbType.Bytea, conflicts.ConvertAll(one => one.Digest)));
        command.Parameters.Add(Column(NpgsqlDbType.Text, conflicts.ConvertAll(one => one.Body)));
        command.Parameters.Add(new() { Value = clock.GetUtcNow(), NpgsqlDbType = NpgsqlDbType.TimestampTz });
        await command.ExecuteNonQueryAsync(cancel);
    }

    /// <summary>The first amount stays: sending it again, or another, changes nothing. Rows are locked in order of id.</summary>
    private static async Task AnnotateAsync(NpgsqlConnection connection, IReadOnlyDictionary<Guid, decimal> settled, CancellationToken cancel)
    {
        if (settled.Count == 0)
            return;
        await using var command = new NpgsqlCommand("""
            with open as (
                select e.id, s.spend from gateway_events e join unnest($1, $2) as s (id, spend) on s.id = e.id
                where e.spend is null order by e.id for update of e)
            update gateway_events e set spend = open.spend from open where e.id = open.id
            """, connection);
        command.Parameters.Add(Column(NpgsqlDbType.Uuid, settled.Keys.ToArray()));
        command.Parameters.Add(Column(NpgsqlDbType.Numeric, settled.Values.ToArray()));
        await command.ExecuteNonQueryAsync(cancel);
    }

    private async Task SeenAsync(NpgsqlConnection connection, GatewayBatch batch, CancellationToken cancel)
    {
        await using var command = new NpgsqlCommand("""
            insert into gateways (instance, watermark, seen_at) values ($1, $2, $3)
            on conflict (instance) do update set watermark = coalesce(excluded.watermark, gateways.watermark), seen_at = excluded.seen_at
            """, connection);
        command.Parameters.Add(new() { Value = batch.Instance, NpgsqlDbType = NpgsqlDbType.Text });
        command.Parameters.Add(new() { Value = (object?)batch.Watermark ?? DBNull.Value, NpgsqlDbType = NpgsqlDbType.TimestampTz });
        command.Parameters.Add(new() { Value = clock.GetUtcNow(), NpgsqlDbType = NpgsqlDbType.TimestampTz });
        await command.ExecuteNonQueryAsync(cancel);
    }

    /// <summary>
    /// Tells that sums of these customers' events are old (migrations 0041, 0047). Last before the commit, because batches of one customer
    /// wait here for each other; in order of id, so that none waits in a circle.
    /// </summary>
    private static async Task RaiseVersionsAsync(
        NpgsqlConnection connection, List<GatewayEvent> events, Dictionary<Guid, Guid?> inserted, CancellationToken cancel)
    {
        var customers = events.GroupBy(one => inserted.GetValueOrDefault(one.Id)).Where(customer => customer.Key is not null).ToList();
        if (customers.Count == 0)
            return;
        await using var command = new NpgsqlCommand("""
            insert into usage_versions (customer_id, events, corrections, corrected_at)
            select * from unnest($1, $2, $3, $4) as c (id, events, corrections, corrected_at) order by c.id
            on conflict (customer_id) do update set events = usage_versions.events + excluded.events,
                corrections = usage_versions.corrections + excluded.corrections, corrected_at = greatest(usage_versions.corrected_at, excluded.corrected_at)
            """, connection);
        command.Parameters.Add(Column(NpgsqlDbType.Uuid, customers.ConvertAll(customer => customer.Key!.Value)));
        command.Parameters.Add(Column(NpgsqlDbType.Bigint, customers.ConvertAll(customer => customer.LongCount())));
        command.Parameters.Add(Column(NpgsqlDbType.Bigint, customers.ConvertAll(customer => customer.LongCount(one => one.Corrects is not null))));
        command.Parameters.Add(Column(
            NpgsqlDbType.TimestampTz, customers.ConvertAll(customer => customer.Where(one => one.Corrects is not null).Max(one => (DateTimeOffset?)one.At))));
        await command.ExecuteNonQueryAsync(cancel);
    }

    private static NpgsqlParameter Column(NpgsqlDbType type, object values) => new() { Value = values, NpgsqlDbType = NpgsqlDbType.Array | type };
}
