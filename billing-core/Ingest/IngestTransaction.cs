using Npgsql;
using Quota.Billing.Metering.Rollups;

namespace Quota.Billing.Ingest;

/// <summary>
/// One transaction that stores events: it begins with the rollups' lock, and what it stores is added to them before it commits. Locks are
/// taken in one order by all: identities, spend, rollups, versions, each sorted.
/// </summary>
internal sealed class IngestTransaction : IAsyncDisposable
{
    private readonly NpgsqlTransaction _transaction;
    private readonly WriterSlots.Lease _slot;
    private readonly RollupDeltas _deltas;

    private IngestTransaction(NpgsqlConnection connection, NpgsqlTransaction transaction, WriterSlots.Lease slot, RollupSet rollups) =>
        (Connection, _transaction, _slot, _deltas) = (connection, transaction, slot, new RollupDeltas(rollups));

    public NpgsqlConnection Connection { get; }

    /// <summary>The writer's number: rows that many add to have one for each.</summary>
    public short Shard => _slot.Number;

    public static async Task<IngestTransaction> BeginAsync(NpgsqlDataSource database, RollupCatalog rollups, WriterSlots slots, CancellationToken cancel)
    {
        var slot = await slots.TakeAsync(cancel);
        NpgsqlConnection? connection = null;
        try
        {
            connection = await database.OpenConnectionAsync(cancel);
            var transaction = await connection.BeginTransactionAsync(cancel);
            await using var enter = new NpgsqlBatch(connection);
            foreach (var command in RollupCatalog.Enter())
                enter.BatchCommands.Add(command);
            long version;
            await using (var reader = await enter.ExecuteReaderAsync(cancel))
            {
                await reader.NextResultAsync(cancel);
                await reader.ReadAsync(cancel);
                version = reader.GetInt64(0);
            }
            return new IngestTransaction(connection, transaction, slot, await rollups.AtAsync(connection, version, cancel));
        }
        catch
        {
            if (connection is not null)
                await connection.DisposeAsync();
            slot.Dispose();
            throw;
        }
    }

    /// <summary>Events whose ids were claimed in this transaction.</summary>
    /// <param name="codes">Of each row's stream.</param>
    public async Task StoreAsync(IReadOnlyList<EventRow> rows, IReadOnlyList<string> codes, DateTimeOffset now, CancellationToken cancel)
    {
        await EventCopy.WriteAsync(Connection, rows, now, cancel);
        for (var i = 0; i < rows.Count; i++)
            _deltas.Add(codes[i], rows[i].StreamId, rows[i].Id, rows[i].At, rows[i].IsCorrection, rows[i].Properties);
    }

    /// <param name="last">What else is to be written before the commit, in the order of locks.</param>
    public async Task CommitAsync(IEnumerable<NpgsqlBatchCommand> before, IEnumerable<NpgsqlBatchCommand> last, CancellationToken cancel)
    {
        await using var batch = new NpgsqlBatch(Connection);
        foreach (var command in before)
            batch.BatchCommands.Add(command);
        if (_deltas.Count > 0)
            batch.BatchCommands.Add(RollupStore.Add(_deltas.Rows(), Shard));
        foreach (var command in last)
            batch.BatchCommands.Add(command);
        if (batch.BatchCommands.Count > 0)
            await batch.ExecuteNonQueryAsync(cancel);
        await _transaction.CommitAsync(cancel);
    }

    public async ValueTask DisposeAsync()
    {
        await _transaction.DisposeAsync();
        await Connection.DisposeAsync();
        _slot.Dispose();
    }
}
