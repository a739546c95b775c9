using System.Buffers;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Microsoft.Win32.SafeHandles;

namespace Quota.Gateway.Spool;

/// <summary>
/// Appends records to segment files by positional writes. When <see cref="Append"/> returns, the record is with the kernel and
/// survives kill -9; one thread fsyncs in groups, and only what is fsynced may be shipped. One process at a time (exclusive lock).
/// </summary>
/// <remarks>
/// After any I/O error the log is broken for good: a segment whose fsync failed may have lost pages that a later fsync would call
/// safe, so it is never written again, and metered calls are refused until a restart reads the disk anew.
/// </remarks>
internal sealed class SpoolLog : IDisposable
{
    private readonly SpoolOptions _options;
    private readonly Lock _gate = new();
    private readonly ArrayBufferWriter<byte> _buffer = new(4096);
    private readonly Utf8JsonWriter _json;
    private readonly FileStream _lock;
    private readonly Thread _flusher;
    private readonly ManualResetEvent _stop = new(false);
    private readonly Func<SegmentRecord> _header;
    private readonly Queue<long> _closedSegmentBytes = new();
    private SafeFileHandle _handle = null!;
    private SpoolPosition _end;
    private SpoolPosition _durable;
    private long _closedBytes;
    private volatile Exception? _broken;
    private TaskCompletionSource _flushed = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Starts a new segment after those in the folder, whose sizes are <paramref name="existing"/>.</summary>
    /// <exception cref="IOException">Another process holds the folder, or the disk fails.</exception>
    public SpoolLog(SpoolOptions options, FileStream folderLock, int firstSegment, IEnumerable<long> existing, Func<SegmentRecord> header)
    {
        (_options, _lock, _header) = (options, folderLock, header);
        _json = new Utf8JsonWriter(_buffer);
        foreach (var bytes in existing)
            Close(bytes);
        lock (_gate)
            Open(firstSegment);
        _flusher = new Thread(FlushLoop) { IsBackground = true, Name = "spool flush" };
        _flusher.Start();
    }

    /// <summary>Why the log cannot be written any more; null while it can.</summary>
    public Exception? Broken => _broken;

    /// <summary>Everything before this is fsynced.</summary>
    public SpoolPosition Durable
    {
        get { lock (_gate) return _durable; }
    }

    /// <summary>Bytes on disk, shipped segments that were deleted not counted.</summary>
    public long Bytes
    {
        get { lock (_gate) return _closedBytes + _end.Offset; }
    }

    /// <summary>Writes a record; <paramref name="make"/> runs under the log's lock, so what it counts up has the order of the file.</summary>
    /// <returns>The segment that holds the record.</returns>
    /// <exception cref="IOException">The disk failed, now or before.</exception>
    public int Append<T>(RecordKind kind, Func<T> make, JsonTypeInfo<T> type)
    {
        lock (_gate)
        {
            if (_broken is { } broken)
                throw new IOException("the spool is broken: " + broken.Message, broken);
            if (_end.Offset >= _options.SegmentBytes)
                Roll();
            Write(kind, make(), type);
            return _end.Segment;
        }
    }

    /// <summary>Completes when what was appended so far is fsynced; at once unless durability is <c>sync</c>.</summary>
    public async ValueTask WhenDurableAsync()
    {
        if (!_options.Sync)
            return;
        SpoolPosition target;
        lock (_gate)
            target = _end;
        while (true)
        {
            Task flushed;
            lock (_gate)
            {
                if (_durable.CompareTo(target) >= 0)
                    return;
                if (_broken is { } broken)
                    throw new IOException("the spool is broken: " + broken.Message, broken);
                flushed = _flushed.Task;
            }
            await flushed;
        }
    }

    /// <summary>The size of the oldest closed segment is given back: its file was deleted.</summary>
    public void ForgetOldestSegment()
    {
        lock (_gate)
            _closedBytes -= _closedSegmentBytes.Dequeue();
    }

    public void Dispose()
    {
        _stop.Set();
        _flusher.Join();
        _handle.Dispose();
        _lock.Dispose();
        _json.Dispose();
        _stop.Dispose();
    }

    private void Write<T>(RecordKind kind, T value, JsonTypeInfo<T> type)
    {
        _buffer.ResetWrittenCount();
        _buffer.GetSpan(SpoolFormat.HeaderBytes);
        _buffer.Advance(SpoolFormat.HeaderBytes);
        _json.Reset(_buffer);
        JsonSerializer.Serialize(_json, value, type);
        _json.Flush();
        var record = System.Runtime.InteropServices.MemoryMarshal.AsMemory(_buffer.WrittenMemory).Span;
        if (record.Length > SpoolFormat.MaxPayloadBytes)
            throw new InvalidOperationException($"a {kind} record of {record.Length} bytes is over the limit of {SpoolFormat.MaxPayloadBytes}");
        SpoolFormat.Seal(record, kind);
        try
        {
            RandomAccess.Write(_handle, record, _end.Offset);
        }
        catch (IOException problem)
        {
            _broken = problem;
            throw;
        }
        _end = _end with { Offset = _end.Offset + record.Length };
    }

    private void Roll()
    {
        var (segment, bytes) = (_end.Segment, _end.Offset);
        Flush();
        _handle.Dispose();
        Close(bytes);
        Open(segment + 1);
    }

    private void Open(int segment)
    {
        _handle = File.OpenHandle(SpoolPosition.PathOf(_options.Directory, segment), FileMode.CreateNew, FileAccess.ReadWrite, FileShare.Read);
        _end = new SpoolPosition(segment, 0);
        Write(RecordKind.Segment, _header(), SpoolJson.Default.SegmentRecord);
    }

    private void Close(long bytes)
    {
        _closedSegmentBytes.Enqueue(bytes);
        _closedBytes += bytes;
    }

    private void FlushLoop()
    {
        while (!_stop.WaitOne(_options.FlushInterval))
        {
            try
            {
                FlushOnce();
            }
            catch (IOException problem)
            {
                _broken = problem;
                WakeWaiters();
                return;
            }
        }
        if (_broken is null)
            Flush();
    }

    private void FlushOnce()
    {
        SafeFileHandle handle;
        SpoolPosition target;
        lock (_gate)
        {
            if (_end == _durable)
                return;
            (handle, target) = (_handle, _end);
        }
        try
        {
            RandomAccess.FlushToDisk(handle);   // outside the lock: calls go on being written meanwhile
        }
        catch (ObjectDisposedException)
        {
            return;   // the segment was rolled meanwhile, which flushed it
        }
        lock (_gate)
        {
            if (target.CompareTo(_durable) > 0)
                _durable = target;
        }
        WakeWaiters();
    }

    private void Flush()
    {
        lock (_gate)
        {
            RandomAccess.FlushToDisk(_handle);
            _durable = _end;
        }
        WakeWaiters();
    }

    private void WakeWaiters() =>
        Interlocked.Exchange(ref _flushed, new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously)).SetResult();
}
