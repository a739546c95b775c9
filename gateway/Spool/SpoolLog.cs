using System.Buffers;

namespace Quota.Gateway.Spool;

/// <summary>
/// Appends records to segment files by positional writes. When <see cref="Append"/> returns, the record is with the kernel and survives kill -9.
/// <see cref="FlushOnce"/> fsyncs in groups, on one thread of its own (<see cref="SpoolFlusher"/>); only what is fsynced may be shipped.
/// </summary>
/// <remarks>
/// <para>
/// Whoever appends never waits for an fsync: the next segment is made ready by the flusher, as soon as the one before is half full, and a full one is
/// fsynced and closed there. Should the disk hang, records go on to the kernel, past the segment's size if there is no next one, until
/// <see cref="IsBehind"/> has new calls refused. What the kernel itself does not take while its disk hangs cannot be helped: a record that is not with
/// it would not survive a kill.
/// </para>
/// <para>
/// After any I/O error the log is broken for good: a segment whose fsync failed may have lost pages that a later fsync would call
/// safe, so it is never written again, and metered calls are refused until a restart reads the disk anew.
/// </para>
/// </remarks>
internal sealed class SpoolLog : IDisposable
{
    /// <summary>After so many rounds with nothing but a mark to fsync, it is: 0.1 s.</summary>
    public const int QuietRounds = 20;

    /// <summary>An fsync that takes longer is no way to run a spool.</summary>
    private static readonly TimeSpan LongestFlush = TimeSpan.FromSeconds(30);

    private readonly SpoolOptions _options;
    private readonly ISpoolDisk _disk;
    private readonly string _instance;
    private readonly Lock _gate = new();
    private readonly ArrayBufferWriter<byte> _later = new(16 * 1024);
    private readonly Queue<(SpoolSegment Segment, SpoolPosition End)> _full = new();   // rolled over, not fsynced yet
    private readonly Queue<long> _closedSegmentBytes = new();
    private SpoolSegment _segment;
    private SpoolSegment? _spare;
    private SpoolPosition _end, _durable, _marked, _lastRecord;
    private long _closedBytes, _bytes, _nextSeq, _written, _flushed, _flushBegan;
    private int _current, _quiet;
    private bool _hasLaterRecords;
    private volatile Exception? _broken;
    private TaskCompletionSource _flushRound = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Goes on after <paramref name="found"/>, whose records are all durable, in a new segment.</summary>
    /// <exception cref="IOException">The disk failed.</exception>
    public SpoolLog(SpoolOptions options, ISpoolDisk disk, string instance, FoundLog found)
    {
        (_options, _disk, _instance, _nextSeq) = (options, disk, instance, found.NextSeq);
        _end = _durable = _lastRecord = found.End;
        foreach (var bytes in found.SegmentBytes)
            Close(bytes);
        _segment = SpoolSegment.Create(disk, found.NextSegment);
        lock (_gate)
            Begin(_segment);
    }

    /// <summary>Why the log cannot be written any more; null while it can.</summary>
    public Exception? Broken => _broken;

    /// <summary>The disk does not keep up: a whole segment is not fsynced yet, or an fsync has been running for half a minute.</summary>
    public bool IsBehind
    {
        get
        {
            var began = Volatile.Read(ref _flushBegan);
            return Volatile.Read(ref _written) - Volatile.Read(ref _flushed) > _options.SegmentBytes
                || (began != 0 && TimeSpan.FromMilliseconds(Environment.TickCount64 - began) > LongestFlush);
        }
    }

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
    public int CurrentSegment => Volatile.Read(ref _current);

    /// <summary>Writes a record; with the kernel when this returns.</summary>
    /// <exception cref="IOException">The disk failed, now or before.</exception>
    public void Append(RecordBuffer record)
    {
        lock (_gate)
        {
            BeReady();
            Write(record.Seal(_segment.Salt));
        }
    }

    /// <summary>Writes a record that carries the next sequence number as its last field, so that numbers have the order of the file.</summary>
    /// <returns>The number.</returns>
    /// <exception cref="IOException">The disk failed, now or before.</exception>
    public long AppendNumbered(RecordBuffer record)
    {
        lock (_gate)
        {
            BeReady();
            Write(record.Seal(_segment.Salt, _nextSeq));
            return _nextSeq++;
        }
    }

    /// <summary>Writes a record with the next one, or at the next flush: for what may be lost, because saying it again is harmless.</summary>
    public void AppendLater(RecordBuffer record)
    {
        lock (_gate)
        {
            if (_broken is not null)
                return;
            _later.Write(record.Seal(_segment.Salt));
            _hasLaterRecords = true;
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
            Task round;
            lock (_gate)
            {
                if (_durable >= target)
                    return;
                ThrowIfBroken();
                round = _flushRound.Task;
            }
            await round;
        }
    }

    /// <summary>Writes what waits, fsyncs what is not, and makes the next segment ready in time. Called by one thread at a time. Never throws: see <see cref="Broken"/>.</summary>
    /// <param name="isLast">Marks are fsynced, too.</param>
    public void FlushOnce(bool isLast = false)
    {
        try
        {
            if (!Round(isLast) && _broken is null)   // broken by a write: whoever waits for an fsync is told, too
                return;
        }
        catch (Exception problem)
        {
            lock (_gate)
                _broken ??= problem;
        }
        Volatile.Write(ref _flushBegan, 0);
        Interlocked.Exchange(ref _flushRound, new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously)).SetResult();
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
        foreach (var (segment, _) in _full)
            segment.File.Dispose();
        _segment.File.Dispose();
        _spare?.File.Dispose();   // the file stays: a start without a use for it deletes it
    }

    private void ThrowIfBroken()
    {
        if (_broken is { } broken)
            throw new IOException("the spool is broken: " + broken.Message, broken);
    }

    private void BeReady()
    {
        ThrowIfBroken();
        if (_end.Offset < _options.SegmentBytes || _spare is not { } next)
            return;
        if (_later.WrittenCount > 0)
            Write([]);   // sealed for this segment
        _full.Enqueue((_segment, _end));
        Close(_end.Offset);
        Begin(next);
        _spare = null;
    }

    private void Begin(SpoolSegment segment)
    {
        using var header = RecordBuffer.Rent(RecordKind.Segment, new SegmentRecord(_instance, _nextSeq, _end, _durable), SpoolJson.Default.SegmentRecord);
        (_segment, _end, _marked) = (segment, new SpoolPosition(segment.Number, SpoolFormat.PreambleBytes), _durable);
        Volatile.Write(ref _current, segment.Number);
        WriteBytes(header.Seal(segment.Salt));
    }

    private void Write(ReadOnlySpan<byte> record)
    {
        var hasRecords = _hasLaterRecords || !record.IsEmpty;
        if (_later.WrittenCount > 0)
        {
            _later.Write(record);
            WriteBytes(_later.WrittenSpan);
            _later.ResetWrittenCount();
            _hasLaterRecords = false;
        }
        else
            WriteBytes(record);
        if (hasRecords)
            _lastRecord = _end;
    }

    private void WriteBytes(ReadOnlySpan<byte> bytes)
    {
        try
        {
            _segment.File.Write(bytes, _end.Offset);
        }
        catch (Exception problem)
        {
            _broken = problem;
            throw;
        }
        _end = _end with { Offset = _end.Offset + bytes.Length };
        Volatile.Write(ref _written, _written + bytes.Length);
        Volatile.Write(ref _bytes, _closedBytes + _end.Offset);
    }

    private void Close(long bytes)
    {
        _closedSegmentBytes.Enqueue(bytes);
        _closedBytes += bytes;
    }

    /// <summary>True when something is durable that was not before.</summary>
    private bool Round(bool isLast)
    {
        (SpoolSegment Segment, SpoolPosition End)[] full;
        SpoolSegment segment;
        SpoolPosition target;
        long written;
        bool needsFlush, needsSpare;
        lock (_gate)
        {
            if (_broken is not null)
                return false;
            if (_later.WrittenCount > 0)
                Write([]);
            (full, segment, target, written) = ([.. _full], _segment, _end, _written);
            needsFlush = _lastRecord > _durable || (target > _durable && (isLast || ++_quiet >= QuietRounds));
            needsSpare = _spare is null && target.Offset >= _options.SegmentBytes / 2;
        }
        // Outside the lock: calls go on being written meanwhile.
        if (needsFlush)
            Flush(full, segment, target, written);
        if (needsSpare && !isLast)
        {
            var spare = SpoolSegment.Create(_disk, segment.Number + 1);
            lock (_gate)
                _spare = spare;
        }
        return needsFlush;
    }

    private void Flush((SpoolSegment Segment, SpoolPosition End)[] full, SpoolSegment segment, SpoolPosition target, long written)
    {
        Volatile.Write(ref _flushBegan, Environment.TickCount64);
        foreach (var (closed, end) in full)
        {
            closed.File.Flush();
            lock (_gate)
            {
                _full.Dequeue();
                _durable = end;
            }
            closed.File.Dispose();
        }
        segment.File.Flush();
        lock (_gate)
        {
            (_durable, _quiet) = (target, 0);
            Volatile.Write(ref _flushed, written);
            Mark();
        }
    }

    /// <summary>Says with the next record, or round, how far the log is fsynced, unless the last that said so said all there is to say: see <see cref="SpoolScan"/>.</summary>
    private void Mark()
    {
        if (_marked >= _lastRecord)
            return;
        _marked = _durable;
        using var mark = RecordBuffer.Rent(RecordKind.Mark, new MarkRecord(_durable), SpoolJson.Default.MarkRecord);
        _later.Write(mark.Seal(_segment.Salt));
    }
}

/// <summary>What a start has found, and the log goes on after.</summary>
internal sealed record FoundLog(SpoolPosition End, int NextSegment, IReadOnlyList<long> SegmentBytes, long NextSeq);
