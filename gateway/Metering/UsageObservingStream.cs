using System.Buffers;
using System.Runtime.CompilerServices;
using Quota.Gateway.Providers;
using Quota.Shared.Usage;

namespace Quota.Gateway.Metering;

/// <summary>
/// Passes an upstream's answer through while its usage is read. Nothing is held back but whole events, and only in two cases: the client
/// must not see the usage chunk that we asked for, or the answer may be cut. Then an event with text goes out when the hold covers it; if
/// it does not, the upstream is aborted and the client gets a well-formed ending instead. The call is ended before the read that completes
/// the answer returns.
/// </summary>
/// <param name="gone">Given when the answer is read to its end even without its client.</param>
internal sealed class UsageObservingStream(Stream upstream, CallMeter call, long? contentLength, bool hidesUsage, ClientGone? gone = null) : Stream
{
    private const int ChunkBytes = 16 * 1024;
    private HeldBytes? _held = hidesUsage || call.MayBeCut ? new HeldBytes() : null;
    private byte[]? _chunk;
    private long _seen;
    private bool _endSeen, _ended, _drained;

    /// <summary>Nearly every read finds its bytes there and passes them on: no state machine for those.</summary>
    public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        var token = gone?.Watch(cancellationToken) ?? cancellationToken;
        if (buffer.IsEmpty)   // YARP asks so whether there is something to read, before it rents a buffer: not an end
            return _ended || _held is { IsEmpty: false } ? ValueTask.FromResult(0) : ReadUpstreamAsync(buffer, token);
        if (_held is not null)
            return HandOutAsync(buffer, token);
        var read = ReadUpstreamAsync(buffer, token);
        if (!read.IsCompletedSuccessfully || call.MayBeCut)
            return PassAsync(read, buffer, token);
        var count = read.Result;
        var passed = PassAsync(buffer[..count]);
        return passed.IsCompletedSuccessfully ? ValueTask.FromResult(count) : AfterAsync(passed, count);
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<int> PassAsync(ValueTask<int> read, Memory<byte> buffer, CancellationToken token)
    {
        var count = await read;
        if (!call.MayBeCut)
        {
            await PassAsync(buffer[..count]);
            return count;
        }
        _held = new HeldBytes();   // the hold was lost while we waited: these bytes have not gone out yet
        await HoldBackAsync(buffer[..count]);
        return await HandOutAsync(buffer, token);
    }

    private static async ValueTask<int> AfterAsync(ValueTask passed, int count)
    {
        await passed;
        return count;
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]   // a read of a stream waits once per event: no garbage for each
    private async ValueTask<int> HandOutAsync(Memory<byte> buffer, CancellationToken token)
    {
        while (_held!.IsEmpty && !_ended)
        {
            _chunk ??= ArrayPool<byte>.Shared.Rent(ChunkBytes);
            var count = await ReadUpstreamAsync(_chunk, token);
            await HoldBackAsync(_chunk.AsMemory(0, count));
        }
        return _held.HandOut(buffer.Span);
    }

    /// <summary>
    /// Reads what the client did not wait for, until its end or the bound, and ends the call by what it says. What takes longer than an event
    /// waits is estimated, and corrected when the end says otherwise.
    /// </summary>
    public async Task DrainAsync()
    {
        _chunk ??= ArrayPool<byte>.Shared.Rent(ChunkBytes);
        try
        {
            var mayGoOn = true;
            while (mayGoOn && !_endSeen && !call.Reader.IsComplete)
            {
                var count = await ReadUpstreamAsync(_chunk, gone!.Token);
                await PassAsync(_chunk.AsMemory(0, count), UsageStatus.Cancelled);
                mayGoOn = !call.MayBeCut || await call.CoverAsync(call.Reader.OutputBytes);
            }
        }
        catch (Exception problem) when (problem is OperationCanceledException or IOException or HttpRequestException)
        {
            // The bound, or the upstream broke off: what has passed is what is known.
        }
        _drained = true;
        await EndAsync(UsageStatus.Cancelled);
        Dispose();
    }

    /// <summary>Where the answer is read on without its client, the call's event does not wait for it longer than it may.</summary>
    private ValueTask<int> ReadUpstreamAsync(Memory<byte> buffer, CancellationToken token)
    {
        var read = upstream.ReadAsync(buffer, token);
        return gone is null || read.IsCompleted ? read : new(gone.WaitAsync(read.AsTask(), call));
    }

    private ValueTask PassAsync(ReadOnlyMemory<byte> data, string? status = null)
    {
        Count(data.Length);
        call.Reader.Feed(data.Span, null);
        if (TakesEnd(data.Length))
            call.Reader.End(null);
        return _endSeen || call.Reader.IsComplete ? EndAsync(status ?? StatusAtEnd()) : ValueTask.CompletedTask;
    }

    private async ValueTask HoldBackAsync(ReadOnlyMemory<byte> data)
    {
        Count(data.Length);
        _ended = data.IsEmpty;
        var (reader, held, mayBeCut) = (call.Reader, _held!, call.MayBeCut);
        var isEnd = TakesEnd(data.Length);
        if (!mayBeCut)
        {
            reader.Feed(data.Span, held);
            data = default;
        }
        while (!data.IsEmpty)
        {
            var (mark, text) = (held.Mark, reader.OutputBytes);
            var step = reader.Next(data.Span, held, out var taken);
            data = data[taken..];
            if (step == EventStep.TooLong || (step == EventStep.Whole && reader.OutputBytes > text && !await call.CoverAsync(reader.OutputBytes)))
            {
                await CutAsync(mark);
                return;
            }
        }
        if (isEnd)
        {
            var (mark, text) = (held.Mark, reader.OutputBytes);
            if (reader.End(held) == EventStep.Whole && mayBeCut && reader.OutputBytes > text && !await call.CoverAsync(reader.OutputBytes))
            {
                await CutAsync(mark);
                return;
            }
        }
        if (_endSeen || reader.IsComplete)
            await EndAsync(StatusAtEnd());
    }

    private ValueTask EndAsync(string status) => call.HasEnded && gone is not null ? call.CorrectAsync() : call.EndAsync(status);   // ended before its time: by an estimate

    /// <summary>Ends the answer before the event that is not covered, or after it when the client has a part of it already.</summary>
    private async ValueTask CutAsync(int mark)
    {
        _ended = true;
        await upstream.DisposeAsync();   // first: from here on the provider makes no more tokens for us
        if (call.Reader.TakeBack())
            _held!.CutTo(mark);
        call.Reader.WriteEnding(_held!, call.Counted);
        await call.EndAsync(UsageStatus.CutOff);
    }

    private void Count(int bytes)
    {
        if (bytes > 0)
            call.FirstByte();
        _seen += bytes;
    }

    /// <summary>True once: with the last bytes, when their number was announced, else with the read that finds none.</summary>
    private bool TakesEnd(int bytes)
    {
        if (_endSeen || (bytes > 0 && _seen != contentLength))
            return false;
        return _endSeen = true;
    }

    private string StatusAtEnd() => gone is { HasGone: true } ? UsageStatus.Cancelled :
        call.Reader.IsComplete || call.Reader.Usage is not null || _seen == contentLength ? UsageStatus.Completed : call.HasServed ? UsageStatus.CutOff : UsageStatus.Failed;

    protected override void Dispose(bool disposing)
    {
        if (disposing && gone is { HasGone: true } && !_drained && !call.HasEnded)
            gone.Rest = this;   // the call's end is waited for by who forwards it
        else if (disposing)
        {
            if (_chunk is not null)
                ArrayPool<byte>.Shared.Return(_chunk);
            _chunk = null;
            _held?.Dispose();
            upstream.Dispose();
        }
        base.Dispose(disposing);
    }

    public override bool CanRead => true;
    public override bool CanSeek => false;
    public override bool CanWrite => false;
    public override long Length => throw new NotSupportedException();
    public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }
    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) => ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();
    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException("answers are read asynchronously");
    public override void Flush() => throw new NotSupportedException();
    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();
    public override void SetLength(long value) => throw new NotSupportedException();
    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
}
