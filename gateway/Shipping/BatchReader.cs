using Quota.Gateway.Spool;

namespace Quota.Gateway.Shipping;

/// <summary>Cuts the fsynced part of the spool into batches, in its order. Records are looked at as bytes, never parsed.</summary>
internal sealed class BatchReader(CallSpool spool, ShippingOptions options, TimeProvider clock, SpoolPosition from) : IDisposable
{
    private IEnumerator<SpoolEntry>? _entries;

    /// <summary>Whether annotations are read, too.</summary>
    public bool WithNotes { get; init; }

    /// <summary>What was read so far lies before it.</summary>
    public SpoolPosition Position { get; private set; } = from;

    /// <summary>The next batch: full, or what there is after waiting for company. Null when there is nothing at all.</summary>
    public async ValueTask<ReadBatch?> NextAsync(CancellationToken cancellation)
    {
        var batch = new ReadBatch();
        Fill(batch);
        if (Position == batch.Next)
            return null;
        if (!IsFull(batch) && options.BatchTime > TimeSpan.Zero)
        {
            await Task.Delay(options.BatchTime, clock, cancellation);
            Fill(batch);
        }
        Position = batch.Next;
        return batch;
    }

    public void Dispose() => Stop();

    private void Fill(ReadBatch batch)
    {
        if (batch.Next == default)
            batch.Next = Position;
        try
        {
            _entries ??= spool.Read(batch.Next).GetEnumerator();
            while (!IsFull(batch))
            {
                if (!_entries.MoveNext())
                {
                    Stop();
                    return;
                }
                batch.Add(_entries.Current, WithNotes);
            }
        }
        catch (Exception)
        {
            Stop();
            throw;
        }
    }

    private bool IsFull(ReadBatch batch) =>
        batch.Events.Count >= options.BatchSize || batch.Settled.Count + batch.Late.Count >= options.BatchSize || batch.Bytes >= options.BatchBytes;

    private void Stop()
    {
        _entries?.Dispose();
        _entries = null;
    }
}

/// <summary>Records that are shipped together.</summary>
internal sealed class ReadBatch
{
    private readonly HashSet<Guid> _ids = [];

    public List<byte[]> Events { get; } = [];

    /// <summary>Annotations of events of this batch.</summary>
    public List<byte[]> Settled { get; } = [];

    /// <summary>Annotations of events of earlier batches: the core knows no event of theirs before those are confirmed.</summary>
    public List<byte[]> Late { get; } = [];

    public int Bytes { get; private set; }

    /// <summary>The position after it.</summary>
    public SpoolPosition Next { get; set; }

    public void Add(SpoolEntry entry, bool withNotes)
    {
        Next = entry.Next;
        if (entry.Kind == RecordKind.End)
        {
            _ids.Add(ShipBatch.IdOf(entry.Payload));
            Events.Add(entry.Payload);
        }
        else if (withNotes && entry.Kind == RecordKind.Settled && entry.Payload.AsSpan().IndexOf("\"spend\""u8) >= 0)
            (_ids.Contains(ShipBatch.IdOf(entry.Payload)) ? Settled : Late).Add(entry.Payload);
        else
            return;
        Bytes += entry.Payload.Length;
    }
}
