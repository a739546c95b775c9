using System.Threading.Channels;

namespace Quota.Billing.Ingest;

/// <summary>Numbers for those who store at the same time, so that each adds to rows of its own where many add up. As many as batches are stored at once.</summary>
internal sealed class WriterSlots
{
    private readonly Channel<short> _free;

    public WriterSlots(IngestOptions options)
    {
        _free = Channel.CreateBounded<short>(options.MaxConcurrent);
        for (short slot = 0; slot < options.MaxConcurrent; slot++)
            _free.Writer.TryWrite(slot);
    }

    /// <summary>Waits for a number that nobody in this process has.</summary>
    public async ValueTask<Lease> TakeAsync(CancellationToken cancel) => new(this, await _free.Reader.ReadAsync(cancel));

    internal readonly record struct Lease(WriterSlots Slots, short Number) : IDisposable
    {
        public void Dispose() => Slots._free.Writer.TryWrite(Number);
    }
}
