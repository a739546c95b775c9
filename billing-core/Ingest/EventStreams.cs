using System.Collections.Concurrent;
using Npgsql;
using NpgsqlTypes;

namespace Quota.Billing.Ingest;

/// <summary>Whose usage an event is, and of what: said once and numbered, so that an event and its sums carry four bytes. A row of <c>event_streams</c>.</summary>
/// <param name="CustomerId">Null: posted through the API, or the customer was not known when the event came.</param>
internal readonly record struct EventStream(bool IsGateway, Guid? CustomerId, string? Org, string? Subscription, string Code);

/// <summary>The numbers of streams. They never change, so what was read once is remembered, up to a bound.</summary>
internal sealed class EventStreams(NpgsqlDataSource database)
{
    /// <summary>About 20 MB. Beyond it everything is forgotten and read again: a workload of so many streams in turn is rare.</summary>
    private const int MostKnown = 100_000;

    private ConcurrentDictionary<EventStream, int> _known = new();

    /// <summary>The numbers of these streams, which are made where there are none.</summary>
    public async Task<IReadOnlyDictionary<EventStream, int>> NumbersAsync(IReadOnlyCollection<EventStream> streams, CancellationToken cancel)
    {
        var known = _known;
        var numbers = new Dictionary<EventStream, int>();
        var unknown = new List<EventStream>();
        foreach (var stream in streams)
        {
            if (known.TryGetValue(stream, out var number))
                numbers[stream] = number;
            else if (numbers.TryAdd(stream, 0))
                unknown.Add(stream);
        }
        if (unknown.Count == 0)
            return numbers;
        if (known.Count + unknown.Count > MostKnown)
            _known = known = new();
        foreach (var (stream, number) in await ReadOrMakeAsync(unknown, cancel))
            numbers[stream] = known[stream] = number;
        return numbers;
    }

    /// <summary>By itself and at once, not in the batch's transaction: a number that was rolled back must not be remembered.</summary>
    private async Task<List<(EventStream Stream, int Number)>> ReadOrMakeAsync(List<EventStream> streams, CancellationToken cancel)
    {
        await using var connection = await database.OpenConnectionAsync(cancel);
        await using var batch = new NpgsqlBatch(connection);
        foreach (var sql in new[]
        {
            """
            insert into event_streams (is_gateway, customer_id, external_customer_id, external_subscription_id, code)
            select s.* from unnest($1, $2, $3, $4, $5) as s (is_gateway, customer_id, org, subscription, code)
            order by is_gateway, customer_id, org, subscription, code
            on conflict do nothing
            """,
            """
            select s.place, e.id from unnest($1, $2, $3, $4, $5) with ordinality as s (is_gateway, customer_id, org, subscription, code, place)
            join event_streams e on e.is_gateway = s.is_gateway and e.code = s.code and e.customer_id is not distinct from s.customer_id
                and e.external_customer_id is not distinct from s.org and e.external_subscription_id is not distinct from s.subscription
            """,
        })
        {
            var command = new NpgsqlBatchCommand(sql);
            command.Parameters.Add(Column(NpgsqlDbType.Boolean, streams.ConvertAll(stream => stream.IsGateway)));
            command.Parameters.Add(Column(NpgsqlDbType.Uuid, streams.ConvertAll(stream => stream.CustomerId)));
            command.Parameters.Add(Column(NpgsqlDbType.Text, streams.ConvertAll(stream => stream.Org)));
            command.Parameters.Add(Column(NpgsqlDbType.Text, streams.ConvertAll(stream => stream.Subscription)));
            command.Parameters.Add(Column(NpgsqlDbType.Text, streams.ConvertAll(stream => stream.Code)));
            batch.BatchCommands.Add(command);
        }
        var found = new List<(EventStream, int)>(streams.Count);
        await using var reader = await batch.ExecuteReaderAsync(cancel);
        while (await reader.ReadAsync(cancel))
            found.Add((streams[(int)reader.GetInt64(0) - 1], reader.GetInt32(1)));
        return found;
    }

    private static NpgsqlParameter Column(NpgsqlDbType type, object values) => new() { Value = values, NpgsqlDbType = NpgsqlDbType.Array | type };
}
