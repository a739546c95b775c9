using Quota.Gateway.Spool;

namespace Quota.Gateway.Shipping;

/// <summary>
/// Ships what is fsynced: batches, several in flight, in any order. Each waits for those before it to be confirmed, and then moves the cursor
/// over itself; so the cursor passes confirmed events only, and what a crash leaves behind it is sent again.
/// </summary>
internal sealed class UsageShipper(CallSpool spool, IEventSink sink, BatchSender sender, Watermark watermark, ShippingOptions options, GatewayClock clock, ILogger<UsageShipper> log)
    : BackgroundService
{
    private static readonly TimeSpan Beat = TimeSpan.FromSeconds(1);

    private readonly ShipCursor _cursor = new(spool);
    private readonly SemaphoreSlim _inFlight = new(options.InFlight), _ahead = new(options.InFlight * ShippingOptions.MostAhead);
    private readonly CancellationTokenSource _drained = new(Timeout.InfiniteTimeSpan, clock);
    private Task _last = Task.CompletedTask;

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        await using var drain = stoppingToken.Register(() => _drained.CancelAfter(options.DrainTime));
        var beats = sink.TakesNotes ? BeatAsync(stoppingToken) : Task.CompletedTask;
        try
        {
            await ShipAllAsync(stoppingToken, _drained.Token);
        }
        catch (OperationCanceledException) when (_drained.IsCancellationRequested)
        {
            await _last.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            log.DrainEnded(options.DrainTime);   // what is left stays in the spool for the next start
        }
        await beats;
    }

    public override void Dispose()
    {
        _drained.Dispose();
        _inFlight.Dispose();
        _ahead.Dispose();
        base.Dispose();
    }

    /// <summary>Until it is stopping and nothing is left, or until it is drained.</summary>
    private async Task ShipAllAsync(CancellationToken stopping, CancellationToken drained)
    {
        using var reader = new BatchReader(spool, options, clock, _cursor.Read()) { WithNotes = sink.TakesNotes };
        Confirmed(reader.Position);
        while (true)
        {
            if (_last.IsFaulted)
                await _last;
            await _ahead.WaitAsync(drained);
            await _inFlight.WaitAsync(drained);
            if (await ReadAsync(reader, drained) is { } batch)
            {
                _last = ConfirmAsync(SendAsync(new ShipBatch(batch.Events, batch.Settled), drained), batch.Late, batch.Next, _last, drained);
                continue;
            }
            _inFlight.Release();
            _ahead.Release();
            if (stopping.IsCancellationRequested)
            {
                await _last;
                return;
            }
            await Task.Delay(options.IdleWait, clock, stopping).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    /// <summary>Damage in the spool stops the gateway; any other trouble in reading it is waited out.</summary>
    private async Task<ReadBatch?> ReadAsync(BatchReader reader, CancellationToken drained)
    {
        ReadBatch? batch = null;
        await LocalDisk.TryForEverAsync(async () => batch = await reader.NextAsync(drained), clock, log, drained);
        return batch;
    }

    /// <summary>Apart from <see cref="ConfirmAsync"/>, so that a batch that waits for others holds no bytes.</summary>
    private async Task SendAsync(ShipBatch batch, CancellationToken drained)
    {
        try
        {
            if (!batch.IsEmpty)
                await sender.SendAsync(batch, drained);
        }
        finally
        {
            _inFlight.Release();
        }
    }

    private async Task ConfirmAsync(Task sent, List<byte[]> late, SpoolPosition next, Task before, CancellationToken drained)
    {
        await sent;
        await before;
        if (late.Count > 0)
            await sender.SendAsync(new ShipBatch([], late), drained);
        await LocalDisk.TryForEverAsync(() =>
        {
            _cursor.Write(next);
            spool.Trim(next);
            return Task.CompletedTask;
        }, clock, log, drained);
        Confirmed(next);
        _ahead.Release();
    }

    /// <summary>A sink that hears no watermark needs no promise, for which calls may be refused.</summary>
    private void Confirmed(SpoolPosition position)
    {
        if (sink.TakesNotes)
            watermark.Confirm(position);
    }

    /// <summary>Keeps the watermark moving while no batch carries it.</summary>
    private async Task BeatAsync(CancellationToken stopping)
    {
        using var timer = new PeriodicTimer(Beat, clock);
        try
        {
            while (await timer.WaitForNextTickAsync(stopping))
            {
                watermark.Advance();
                if (sender.Silence >= Beat)
                    await sender.BeatAsync(stopping);
            }
        }
        catch (OperationCanceledException) when (stopping.IsCancellationRequested)
        {
        }
    }
}
