using Npgsql;
using NpgsqlTypes;
using Quota.Billing.Metering.Rollups;
using Quota.Shared.Usage;

namespace Quota.Billing.Ingest;

/// <summary>
/// Stores shipped events, each once however often it comes. One transaction a batch; a lost answer or COMMIT is cured by sending the
/// batch again, cut as it may be.
/// </summary>
/// <remarks>
/// Two statements for the identities (a row that another batch committed after our snapshot blocks the insert but cannot be seen by the same
/// statement): claim what is new in order of id, so that batches with common events wait for each other instead of deadlocking; then read
/// the digests of the rest and tell a duplicate from a conflict. Only what was claimed is copied into the events.
/// </remarks>
internal sealed class GatewayEventStore(
    NpgsqlDataSource database, EventPartitions partitions, EventStreams streams, RollupCatalog rollups, WriterSlots slots, GatewayInstances instances, TimeProvider clock)
{
    /// <returns>One result per event of the batch, in its order.</returns>
    public async Task<IReadOnlyList<ShipResult>> StoreAsync(GatewayBatch batch, CancellationToken cancel)
    {
        await instances.SeenAsync(batch.Instance, batch.Watermark, cancel);
        if (batch.Events.Count == 0 && batch.Settled.Count == 0)
            return [];
        var events = FirstOfEachId(batch);
        await partitions.EnsureForIdsAsync(events.Select(one => one.IdTime), cancel);
        await partitions.EnsureForTimesAsync(events.Select(one => one.At), cancel);

        await using var ingest = await IngestTransaction.BeginAsync(database, rollups, slots, cancel);
        var connection = ingest.Connection;
        var astray = await CorrectedOrgs.AstrayAsync(connection, events, cancel);
        var storable = astray.Count == 0 ? events : events.FindAll(one => !astray.Contains(one.Id));
        var (keys, numbers) = await StreamsAsync(connection, storable, cancel);
        var claimed = await ClaimAsync(connection, storable, numbers, cancel);
        var accepted = storable.Index().Where(one => claimed.Contains(one.Item.Id)).Select(one => one.Index).ToList();
        await ingest.StoreAsync(
            accepted.ConvertAll(i => Row(storable[i], numbers[i])), accepted.ConvertAll(i => keys[i].Code), clock.GetUtcNow(), cancel);

        var rest = events.Where(one => !claimed.Contains(one.Id)).Select(one => one.Id).ToArray();
        var stored = rest.Length == 0 ? [] : await DigestsAsync(connection, rest, cancel);
        var results = Classify(batch, claimed, stored, astray);
        var fresh = accepted.ConvertAll(i => storable[i]);
        var corrections = await EventsOfLost.ResolveAsync(connection, batch, fresh, results, cancel);
        await ingest.CommitAsync(
            [.. KeepConflicts(batch, results), .. EventsOfLost.Keep(fresh), .. Annotate(batch.Settled)],
            UsageVersions.Raise(accepted.ConvertAll(i => (keys[i].CustomerId, storable[i])), ingest.Shard), cancel);
        // Not answered before they are stored, too: a lost gateway's event that comes again finds the same ones.
        return corrections.Count == 0 ? results : await AfterAsync(new GatewayBatch(batch.Instance, null, corrections, new Dictionary<Guid, decimal>(), 0), results, cancel);
    }

    private async Task<IReadOnlyList<ShipResult>> AfterAsync(GatewayBatch corrections, List<ShipResult> results, CancellationToken cancel)
    {
        await StoreAsync(corrections, cancel);
        return results;
    }

    private static List<GatewayEvent> FirstOfEachId(GatewayBatch batch)
    {
        var (events, seen) = (new List<GatewayEvent>(batch.Events.Count), new HashSet<Guid>(batch.Events.Count));
        foreach (var outcome in batch.Events)
        {
            if (outcome.Event is { } one && seen.Add(one.Id))
                events.Add(one);
        }
        return events;
    }

    private static EventRow Row(GatewayEvent one, int stream) =>
        new(one.Id, one.At, stream, one.Corrects is not null, TransactionId: null, Amount: null, one.Counted, one.Properties);

    /// <summary>Whose each event is, as far as the customer is known now, and its stream's number.</summary>
    private async Task<(List<EventStream> Keys, List<int> Numbers)> StreamsAsync(NpgsqlConnection connection, List<GatewayEvent> events, CancellationToken cancel)
    {
        var customers = new Dictionary<string, Guid>();
        await using (var command = new NpgsqlCommand("select external_id, id from customers where external_id = any($1) and deleted_at is null", connection))
        {
            command.Parameters.Add(SqlColumns.Column(NpgsqlDbType.Text, events.Select(one => one.Org).Distinct().ToArray()));
            await using var reader = await command.ExecuteReaderAsync(cancel);
            while (await reader.ReadAsync(cancel))
                customers[reader.GetString(0)] = reader.GetGuid(1);
        }
        var keys = events.ConvertAll(one => new EventStream(
            IsGateway: true, customers.TryGetValue(one.Org, out var customer) ? customer : null, one.Org, one.Subscription, one.Code));
        var numbers = await streams.NumbersAsync(keys, cancel);
        return (keys, keys.ConvertAll(key => numbers[key]));
    }

    private static async Task<HashSet<Guid>> ClaimAsync(NpgsqlConnection connection, List<GatewayEvent> events, List<int> numbers, CancellationToken cancel)
    {
        if (events.Count == 0)
            return [];
        await using var command = new NpgsqlCommand("""
            insert into gateway_event_ids (id, digest, stream_id, at)
            select e.id, e.digest, e.stream, e.at from unnest($1, $2, $3, $4) as e (id, digest, stream, at) order by e.id
            on conflict (id) do nothing
            returning id
            """, connection);
        command.Parameters.Add(SqlColumns.Column(NpgsqlDbType.Uuid, events.ConvertAll(one => one.Id)));
        command.Parameters.Add(SqlColumns.Column(NpgsqlDbType.Uuid, events.ConvertAll(one => one.Digest)));
        command.Parameters.Add(SqlColumns.Column(NpgsqlDbType.Integer, numbers));
        command.Parameters.Add(SqlColumns.Column(NpgsqlDbType.TimestampTz, events.ConvertAll(one => one.At.UtcDateTime)));
        var claimed = new HashSet<Guid>(events.Count);
        await using var reader = await command.ExecuteReaderAsync(cancel);
        while (await reader.ReadAsync(cancel))
            claimed.Add(reader.GetGuid(0));
        return claimed;
    }

    private static async Task<Dictionary<Guid, Guid>> DigestsAsync(NpgsqlConnection connection, Guid[] ids, CancellationToken cancel)
    {
        await using var command = new NpgsqlCommand("select id, digest from gateway_event_ids where id = any($1)", connection);
        command.Parameters.Add(SqlColumns.Column(NpgsqlDbType.Uuid, ids));
        var digests = new Dictionary<Guid, Guid>();
        await using var reader = await command.ExecuteReaderAsync(cancel);
        while (await reader.ReadAsync(cancel))
            digests[reader.GetGuid(0)] = reader.GetGuid(1);
        return digests;
    }

    /// <param name="claimed">Whose first sending this is.</param>
    /// <param name="stored">The digests of the others, as they were stored before.</param>
    /// <param name="astray">Corrections that were not let in now; one that was stored before its corrected event came stays stored.</param>
    private static List<ShipResult> Classify(GatewayBatch batch, HashSet<Guid> claimed, Dictionary<Guid, Guid> stored, HashSet<Guid> astray)
    {
        var results = new List<ShipResult>(batch.Events.Count);
        var first = new Dictionary<Guid, Guid>(claimed.Count);
        foreach (var outcome in batch.Events)
        {
            results.Add(outcome.Event switch
            {
                null => new ShipResult(outcome.Id, ShipStatus.Rejected, outcome.Reason),
                { } one when claimed.Contains(one.Id) && first.TryAdd(one.Id, one.Digest) => new ShipResult(one.Id, ShipStatus.Accepted, null),
                { } one when astray.Contains(one.Id) && !stored.ContainsKey(one.Id) => new ShipResult(one.Id, ShipStatus.Rejected, "corrects an event of another org"),
                { } one when one.Digest != (first.TryGetValue(one.Id, out var digest) ? digest : stored[one.Id]) =>
                    new ShipResult(one.Id, ShipStatus.Conflict, "this id was stored before with other bytes"),
                { } one => new ShipResult(one.Id, ShipStatus.Duplicate, null),
            });
        }
        return results;
    }

    private IEnumerable<NpgsqlBatchCommand> KeepConflicts(GatewayBatch batch, List<ShipResult> results)
    {
        var conflicts = batch.Events.Zip(results).Where(pair => pair.Second.Status == ShipStatus.Conflict).Select(pair => pair.First.Event!).ToList();
        if (conflicts.Count == 0)
            yield break;
        var command = new NpgsqlBatchCommand("""
            insert into event_conflicts (id, digest, body, received_at)
            select c.id, c.digest, c.body, $4 from unnest($1, $2, $3) as c (id, digest, body) order by c.id, c.digest
            on conflict do nothing
            """);
        command.Parameters.Add(SqlColumns.Column(NpgsqlDbType.Text, conflicts.ConvertAll(one => one.Id.ToString())));
        command.Parameters.Add(SqlColumns.Column(NpgsqlDbType.Bytea, conflicts.ConvertAll(one => one.Digest.ToByteArray(bigEndian: true))));
        command.Parameters.Add(SqlColumns.Column(NpgsqlDbType.Text, conflicts.ConvertAll(one => System.Text.Encoding.UTF8.GetString(one.Body.Span))));
        command.Parameters.Add(SqlColumns.Value(NpgsqlDbType.TimestampTz, clock.GetUtcNow().UtcDateTime));
        yield return command;
    }

    /// <summary>The first amount stays: sending it again, or another, changes nothing. Of an event that did not come yet, too: order is not guaranteed.</summary>
    private static IEnumerable<NpgsqlBatchCommand> Annotate(IReadOnlyDictionary<Guid, decimal> settled)
    {
        if (settled.Count == 0)
            yield break;
        var command = new NpgsqlBatchCommand("""
            insert into settled_spend (id, spend) select s.id, s.spend from unnest($1, $2) as s (id, spend) order by s.id on conflict do nothing
            """);
        command.Parameters.Add(SqlColumns.Column(NpgsqlDbType.Uuid, settled.Keys.ToArray()));
        command.Parameters.Add(SqlColumns.Column(NpgsqlDbType.Numeric, settled.Values.ToArray()));
        yield return command;
    }
}
