using Quota.Shared.Usage;

namespace Quota.Gateway.Spool;

/// <summary>
/// The durable story of every call: begun before it is sent upstream, ended with its usage event, settled on its counters. A segment is
/// deleted once all of it is shipped and all its calls are settled.
/// </summary>
internal sealed class CallSpool : IDisposable
{
    /// <summary>Room that a begun call needs for its end and settled records.</summary>
    private const long BytesPerOpenCall = 4096;

    private readonly SpoolOptions _options;
    private readonly ISpoolDisk _disk;
    private readonly string _instance;
    private readonly IDisposable? _lock;
    private readonly Lock _gate = new();
    private readonly Dictionary<Guid, int> _unsettled = [];
    private readonly SortedDictionary<int, int> _unsettledBySegment = [];
    private readonly SpoolLog _log;
    private readonly SpoolFlusher? _flusher;
    private readonly TallyFile _tally;
    private int _oldestSegment;
    private Trimming? _trim;

    private CallSpool(SpoolOptions options, ISpoolDisk disk, string instance, IDisposable? folderLock, SpoolContents contents, TallyFile tally)
    {
        (_options, _disk, _instance, _lock, _tally) = (options, disk, instance, folderLock, tally);
        Recovered = [.. contents.Unsettled.Values.OrderBy(call => call.Begin.Id)];   // recovery is to be the same each time, also once older segments are gone
        (Ended, FirstSeq) = (contents.Ended, contents.FirstSeq);
        foreach (var call in Recovered)
        {
            Count(call.Begin.Id, call.Segment);
            if (call.End is null)
                OpenEvents.TryBegin(call.Begin.Id, call.Begin.At);
        }
        _log = new SpoolLog(options, disk, instance, contents.Log);
        _oldestSegment = contents.FirstSegment;
        _flusher = options.FlushInterval > TimeSpan.Zero ? new SpoolFlusher(_log, options.FlushInterval) : null;
    }

    /// <summary>The calls that an earlier run left without an end or without being settled; resolved before this one serves.</summary>
    public IReadOnlyList<UnsettledCall> Recovered { get; }

    /// <summary>The calls that ended since the tally's checkpoint.</summary>
    public IReadOnlyList<UnsettledCall> Ended { get; }

    /// <summary>The number of the first event that the segments can still hold.</summary>
    public long FirstSeq { get; }

    /// <summary>
    /// Events may have gone with the machine's power and are still to be looked for (<see cref="LostCalls"/>): until then nothing is promised of what
    /// is to come, and no segment goes, since what is in none of them was never written.
    /// </summary>
    public bool MayHaveLost { get; private set; }

    /// <summary>What the tally is at this moment; asked before a segment goes, whose records it must then hold.</summary>
    public Func<Limits.TallyCheckpoint>? Tally { get; set; }

    public string Folder => _options.Directory;

    /// <summary>Where shipping begins when there is no cursor yet.</summary>
    public SpoolPosition Start
    {
        get { lock (_gate) return new SpoolPosition(_oldestSegment, 0); }
    }

    public SpoolPosition Durable => _log.Durable;

    /// <summary>Where the next record goes.</summary>
    public SpoolPosition End => _log.End;

    /// <summary>The events that are still to come.</summary>
    public OpenEvents OpenEvents { get; } = new();

    public long Bytes => _log.Bytes;

    public int OpenCalls => _unsettled.Count;   // a reading, not a decision

    /// <summary>Of the bytes that the spool may have, those that it has or keeps for the calls that run. Beyond 1 no call begins.</summary>
    public double Share => (_log.Bytes + OpenCalls * BytesPerOpenCall) / (double)_options.MaxBytes;

    /// <summary>Why no call may begin now; null when one may.</summary>
    public string? Refuses()
    {
        if (_log.Broken is not null)
            return "the spool's disk failed";
        if (_log.IsBehind)
            return "the spool's disk does not keep up";
        return Share > 1 ? "the spool is full" : null;
    }

    /// <exception cref="IOException">Another gateway runs on this folder, or the disk fails.</exception>
    /// <exception cref="SpoolDamagedException">A record is damaged.</exception>
    public static CallSpool Open(SpoolOptions options, SpoolFolder folder, TallyFile tally) => Open(options, folder.Disk, folder.Identity.Instance, folder.SameBoot, tally, folder.Lock).Awaiting(folder.MayHaveLost);

    /// <param name="sameBoot">Whether the machine has been up since the last run: see <see cref="SpoolScan"/>.</param>
    public static CallSpool Open(SpoolOptions options, ISpoolDisk disk, string instance, bool sameBoot, TallyFile tally, IDisposable? folderLock = null) =>
        new(options, disk, instance, folderLock, SpoolContents.Read(disk, sameBoot, tally.Read().Through), tally);

    /// <summary>What was lost has been begun and ended anew.</summary>
    public void FoundLost()
    {
        MayHaveLost = false;
        OpenEvents.End(Guid.Empty);
    }

    /// <summary>Written before the call is sent.</summary>
    /// <exception cref="Limits.Store.StoreClosedException">It was reserved so long ago that the core has been told that nothing so old will come.</exception>
    public ValueTask BeginAsync(BeginRecord begin)
    {
        using (var record = RecordBuffer.Rent(RecordKind.Begin, begin, SpoolJson.Default.BeginRecord))
        {
            if (!OpenEvents.TryBegin(begin.Id, begin.At))
                throw new Limits.Store.StoreClosedException("the call was held too long ago to be begun");
            lock (_gate)
                Count(begin.Id, _log.CurrentSegment);   // counted first: the segment is kept from before the record is in it
            _log.Append(record);
        }
        return _log.WhenDurableAsync();
    }

    /// <summary>Written before the last byte goes to the client: the usage event. Answers its number.</summary>
    public async ValueTask<long> EndAsync(BeginRecord begin, CallOutcome outcome)
    {
        long seq;
        using (var record = RecordBuffer.Rent(RecordKind.End, UsageEventComposer.Compose(begin, outcome, _instance, seq: 0), UsageJson.Default.UsageEvent))
            seq = _log.AppendNumbered(record);
        OpenEvents.End(begin.Id);   // after it is in the log: whoever finds the call closed finds its event before the log's end
        await _log.WhenDurableAsync();
        return seq;
    }

    /// <summary>The call's counters are right; nothing is left to do for it. Lost in a crash, the next start settles again, which changes nothing.</summary>
    public void Settled(SettledRecord settled)
    {
        using (var record = RecordBuffer.Rent(RecordKind.Settled, settled, SpoolJson.Default.SettledRecord))
            _log.AppendLater(record);
        lock (_gate)
        {
            if (_unsettled.Remove(settled.Id, out var segment) && --_unsettledBySegment[segment] == 0)
                _unsettledBySegment.Remove(segment);
        }
    }

    /// <summary>The fsynced records from a position on.</summary>
    public IEnumerable<SpoolEntry> Read(SpoolPosition from) => SpoolReader.Read(_disk, from, _log.Durable);

    /// <summary>How far a running stream is. Nothing once the spool is nearly full: what room there is is for begins and ends.</summary>
    public void Progressed(ProgressRecord progress)
    {
        if (Share >= SpoolFill.Warned)
            return;
        using var record = RecordBuffer.Rent(RecordKind.Progress, progress, SpoolJson.Default.ProgressRecord);
        _log.AppendLater(record);
    }

    /// <summary>
    /// Deletes the segments that are wholly shipped and whose calls are all settled; what it may not yet delete, a later one does. Called by one
    /// thread at a time.
    /// </summary>
    public void Trim(SpoolPosition shipped)
    {
        if (MayHaveLost)
            return;
        if (_trim is null && FirstToKeep(shipped) is var keep && keep > Start.Segment)
            _trim = new Trimming(keep, Tally?.Invoke(), _log.End);   // the end is asked for last: all that the others rest on lies before it
        if (_trim is not { } trim || _log.Durable < trim.End)
            return;
        // First what the segments add up to, then they go, and no more than that: a call that ends from now on still has its begin record in one that stays.
        if (trim.Tally is { } tally)
            _tally.Write(tally);
        foreach (var segment in SegmentName.In(_disk).Where(segment => segment < trim.Keep))
        {
            _disk.Delete(SegmentName.Of(segment));
            _log.ForgetOldestSegment();
            _disk.Sync();   // one by one: after a power loss a begin record must not be back without the end that lay in a later one
        }
        _trim = null;
        lock (_gate)
            _oldestSegment = trim.Keep;
    }

    /// <summary>One round of the flusher, where none runs (tests).</summary>
    public void FlushOnce() => _log.FlushOnce();

    public void Dispose()
    {
        if (_flusher is null)
            _log.Dispose();
        else
            _flusher.Dispose();
        _lock?.Dispose();
    }

    private CallSpool Awaiting(bool lost)
    {
        if (MayHaveLost = lost)
            OpenEvents.TryBegin(Guid.Empty, DateTimeOffset.UnixEpoch);   // of any time
        return this;
    }

    /// <summary>The oldest segment that is not wholly shipped or has a call that is not settled.</summary>
    private int FirstToKeep(SpoolPosition shipped)
    {
        lock (_gate)
            return Math.Min(shipped.Segment, _unsettledBySegment.Count > 0 ? _unsettledBySegment.First().Key : int.MaxValue);
    }

    private void Count(Guid id, int segment)
    {
        _unsettled[id] = segment;
        _unsettledBySegment[segment] = _unsettledBySegment.GetValueOrDefault(segment) + 1;
    }

    /// <summary>
    /// Segments that go once everything before <paramref name="End"/> is durable. Calls that have ended let their begin records go and are in the tally:
    /// should their ends be lost with the power after that, no event would ever say what they used.
    /// </summary>
    private sealed record Trimming(int Keep, Limits.TallyCheckpoint? Tally, SpoolPosition End);
}
