using System.Buffers;
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
    private readonly ArrayBufferWriter<byte> _later = new(16 * 1024);
    private readonly FileStream _lock;
    private readonly Thread _flusher;
    private readonly ManualResetEvent _stop = new(false);
    private readonly string _instance;
    private readonly Queue<long> _closedSegmentBytes = new();
    private SafeFileHandle _handle = null!;
    private SpoolPosition _end;
    private SpoolPosition _durable;
    private long _closedBytes, _bytes, _nextSeq;
    private int _segment;
    private volatile Exception? _broken;
    private TaskCompletionSource _flushed = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Starts a new segment after those in the folder, whose sizes are <paramref name="existing"/>.</summary>
    /// <exception cref="IOException">Another process holds the folder, or the disk fails.</exception>
    public SpoolLog(SpoolOptions options, FileStream folderLock, int firstSegment, IEnumerable<long> existing, string instance, long nextSeq)
    {
        (_options, _lock, _instance, _nextSeq) = (options, folderLock, instance, nextSeq);
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

    /// <summary>Where the next record goes; what was appended lies before it.</summary>
    public SpoolPosition End
    {
        get { lock (_gate) return _end; }
    }

    /// <summary>Bytes on disk, shipped segments that were deleted not counted.</summary>
    public long Bytes => Volatile.Read(ref _bytes);

    /// <summary>The segment that records go to now; a record appended later goes to this one or a later one.</summary>
    public int CurrentSegment => Volatile.Read(ref _segment);

    /// <summary>Writes a record; with the kernel when this returns.</summary>
    /// <exception cref="IOException">The disk failed, now or before.</exception>
    public void Append(RecordBuffer record)
    {
        lock (_gate)
        {
            ThrowIfBroken();
            if (_end.Offset >= _options.SegmentBytes)
                Roll();
            Write(record.Seal());
        }
    }

    /// <summary>Writes a record that carries the next sequence number as its last field, so that numbers have the order of the file.</summary>
    /// <returns>The number.</returns>
    /// <exception cref="IOException">The disk failed, now or before.</exception>
    public long AppendNumbered(RecordBuffer record)
    {
        lock (_gate)
        {
            ThrowIfBroken();
            if (_end.Offset >= _options.SegmentBytes)
                Roll();
            Write(record.Seal(_nextSeq));
            return _nextSeq++;
        }
    }

    /// <summary>Writes a record with the next one, or at the next flush: for what may be lost, because saying it again is harmless.</summary>
    public void AppendLater(RecordBuffer record)
    {
        lock (_gate)
            _later.Write(record.Seal());
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
                ThrowIfBroken();
                flushed = _flushed.Task;
            }
            await flushed;
        }
    }

    /// <summary>The size of the oldest closed segment is given back: its file was deleted.</summary>
    public void ForgetOldestSegment()
    {
        lock (_gate)
        {
            _closedBytes -= _closedSegmentBytes.Dequeue();
            Volatile.Write(ref _bytes, _closedBytes + _end.Offset);
        }
    }

    public void Dispose()
    {
        _stop.Set();
        _flusher.Join();
        _handle.Dispose();
        _lock.Dispose();
        _stop.Dispose();
    }

    private void ThrowIfBroken()
    {
        if (_broken is { } broken)
            throw new IOException("the spool is broken: " + broken.Message, broken);
    }

    private void Write(ReadOnlySpan<byte> record)
    {
        if (_later.WrittenCount > 0)
        {
            _later.Write(record);
            WriteBytes(_later.WrittenSpan);
            _later.ResetWrittenCount();
        }
        else
            WriteBytes(record);
    }

    private void WriteBytes(ReadOnlySpan<byte> bytes)
    {
        try
        {
            RandomAccess.Write(_handle, bytes, _end.Offset);
        }
        catch (IOException problem)
        {
            _broken = problem;
            throw;
        }
        _end = _end with { Offset = _end.Offset + bytes.Length };
        Volatile.Write(ref _bytes, _closedBytes + _end.Offset);
    }

    private void Roll()
    {
        try
        {
            Flush();
            var (segment, bytes) = (_end.Segment, _end.Offset);
            _handle.Dispose();
            Close(bytes);
            Open(segment + 1);
        }
        catch (Exception problem)
        {
            _broken = problem;
            throw new IOException("the spool's next segment could not be begun", problem);
        }
    }

    private void Open(int segment)
    {
        _handle = File.OpenHandle(SpoolPosition.PathOf(_options.Directory, segment), FileMode.CreateNew, FileAccess.ReadWrite, FileShare.Read);
        _end = new SpoolPosition(segment, 0);
        Volatile.Write(ref _segment, segment);
        using var header = RecordBuffer.Rent(RecordKind.Segment, new SegmentRecord(_instance, _nextSeq), SpoolJson.Default.SegmentRecord);
        WriteBytes(header.Seal());
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
            catch (Exception problem)
            {
                _broken = problem;
                WakeWaiters();
                return;
            }
        }
        try
        {
            if (_broken is null)
                Flush();
        }
        catch (Exception problem) when (problem is IOException or ObjectDisposedException)
        {
            _broken = problem;   // stopping anyway; what was not fsynced is not shipped
        }
    }

    private void FlushOnce()
    {
        SafeFileHandle handle;
        SpoolPosition target;
        lock (_gate)
        {
            if (_broken is not null)
                return;
            if (_later.WrittenCount > 0)
                Write([]);
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
            if (_later.WrittenCount > 0)
                Write([]);
            RandomAccess.FlushToDisk(_handle);
            _durable = _end;
        }
        WakeWaiters();
    }

    private void WakeWaiters() =>
        Interlocked.Exchange(ref _flushed, new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously)).SetResult();
}
