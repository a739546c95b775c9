using System.Text.Json;
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
    private readonly GatewayIdentity _identity;
    private readonly Lock _gate = new();
    private readonly Dictionary<Guid, int> _unsettled = [];
    private readonly SortedDictionary<int, int> _unsettledBySegment = [];
    private readonly SpoolLog _log;
    private readonly TallyFile _tally;
    private int _oldestSegment;

    private CallSpool(SpoolOptions options, GatewayIdentity identity, FileStream folderLock, SpoolContents contents, TallyFile tally)
    {
        (_options, _identity, _tally) = (options, identity, tally);
        Recovered = [.. contents.Unsettled.Values];
        (Ended, FirstSeq) = (contents.Ended, contents.FirstSeq);
        foreach (var call in Recovered)
        {
            Count(call.Begin.Id, call.Segment);
            if (call.End is null)
                OpenEvents.TryBegin(call.Begin.Id, call.Begin.At);
        }
        _oldestSegment = contents.Segments.Count > 0 ? contents.Segments[0] : 1;
        var first = contents.Segments.Count > 0 ? contents.Segments[^1] + 1 : 1;
        if (contents.Segments.Count > 0)
            FlushToDisk(SpoolPosition.PathOf(options.Directory, contents.Segments[^1]));   // its tail may never have been: only what is fsynced is shipped
        var sizes = contents.Segments.Select(segment => new FileInfo(SpoolPosition.PathOf(options.Directory, segment)).Length).ToArray();
        _log = new SpoolLog(options, folderLock, first, sizes, identity.Instance, contents.NextSeq);
    }

    /// <summary>The calls that an earlier run left without an end or without being settled; resolved before this one serves.</summary>
    public IReadOnlyList<UnsettledCall> Recovered { get; }

    /// <summary>The calls that ended since the tally's checkpoint.</summary>
    public IReadOnlyList<UnsettledCall> Ended { get; }

    /// <summary>The number of the first event that the segments can still hold.</summary>
    public long FirstSeq { get; }

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

    /// <summary>Why no call may begin now; null when one may.</summary>
    public string? Refuses()
    {
        if (_log.Broken is not null)
            return "the spool's disk failed";
        return _log.Bytes + OpenCalls * BytesPerOpenCall > _options.MaxBytes ? "the spool is full" : null;
    }

    /// <exception cref="IOException">Another gateway runs on this folder, or the disk fails.</exception>
    /// <exception cref="SpoolDamagedException">A record is damaged.</exception>
    public static CallSpool Open(SpoolOptions options, GatewayIdentity identity, FileStream folderLock, TallyFile tally) =>
        new(options, identity, folderLock, SpoolContents.Read(options.Directory, tally.Read().Through), tally);

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
        using (var record = RecordBuffer.Rent(RecordKind.End, UsageEventComposer.Compose(begin, outcome, _identity.Instance, seq: 0), UsageJson.Default.UsageEvent))
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
    public IEnumerable<SpoolEntry> Read(SpoolPosition from) => SpoolReader.Read(_options.Directory, from, _log.Durable);

    /// <summary>Deletes the segments that are wholly shipped and whose calls are all settled.</summary>
    public void Trim(SpoolPosition shipped)
    {
        var keep = FirstToKeep(shipped);
        if (_oldestSegment >= keep)
            return;
        // First what the segments add up to, then they go, and no more than that: a call that ends from now on still has its begin record in one that stays.
        if (Tally is { } tally)
            _tally.Write(tally());
        while (true)
        {
            lock (_gate)
            {
                if (_oldestSegment >= keep)
                    return;
                File.Delete(SpoolPosition.PathOf(_options.Directory, _oldestSegment++));
            }
            _log.ForgetOldestSegment();
        }
    }

    public void Dispose() => _log.Dispose();

    /// <summary>The oldest segment that is not wholly shipped or has a call that is not settled.</summary>
    private int FirstToKeep(SpoolPosition shipped)
    {
        lock (_gate)
            return Math.Min(shipped.Segment, _unsettledBySegment.Count > 0 ? _unsettledBySegment.First().Key : int.MaxValue);
    }

    private static void FlushToDisk(string path)
    {
        using var handle = File.OpenHandle(path, FileMode.Open, FileAccess.ReadWrite, FileShare.Read);
        RandomAccess.FlushToDisk(handle);
    }

    private void Count(Guid id, int segment)
    {
        _unsettled[id] = segment;
        _unsettledBySegment[segment] = _unsettledBySegment.GetValueOrDefault(segment) + 1;
    }
}

/// <summary>A call that an earlier run began; <paramref name="End"/> is its event when it got that far.</summary>
internal sealed record UnsettledCall(BeginRecord Begin, int Segment, UsageEvent? End);

/// <summary>What a folder of segments holds that still matters.</summary>
internal sealed record SpoolContents(IReadOnlyList<int> Segments, Dictionary<Guid, UnsettledCall> Unsettled, IReadOnlyList<UnsettledCall> Ended, long FirstSeq, long NextSeq)
{
    /// <param name="tallied">Events up to this number are in the tally's checkpoint.</param>
    public static SpoolContents Read(string folder, long tallied)
    {
        var unsettled = new Dictionary<Guid, UnsettledCall>();
        var ended = new List<UnsettledCall>();
        var (firstSeq, nextSeq) = (0L, 1L);
        var segments = SpoolPosition.Segments(folder);
        if (segments.Count == 0)
            return new SpoolContents(segments, unsettled, ended, Math.Max(1, firstSeq), nextSeq);
        foreach (var entry in SpoolReader.Read(folder, new SpoolPosition(segments[0], 0), to: null))
        {
            switch (entry.Kind)
            {
                case RecordKind.Segment:
                    var segment = JsonSerializer.Deserialize(entry.Payload, SpoolJson.Default.SegmentRecord)!;
                    (firstSeq, nextSeq) = (firstSeq == 0 ? segment.NextSeq : firstSeq, Math.Max(nextSeq, segment.NextSeq));
                    break;
                case RecordKind.Begin:
                    var begin = JsonSerializer.Deserialize(entry.Payload, SpoolJson.Default.BeginRecord)!;
                    unsettled[begin.Id] = new UnsettledCall(begin, entry.Next.Segment, null);
                    break;
                case RecordKind.End:
                    var end = JsonSerializer.Deserialize(entry.Payload, UsageJson.Default.UsageEvent)!;
                    nextSeq = Math.Max(nextSeq, end.Seq + 1);
                    if (!unsettled.TryGetValue(end.Id, out var call))
                        break;
                    unsettled[end.Id] = call = call with { End = end };
                    if (end.Seq > tallied)
                        ended.Add(call);
                    break;
                case RecordKind.Settled:
                    unsettled.Remove(JsonSerializer.Deserialize(entry.Payload, SpoolJson.Default.SettledRecord)!.Id);
                    break;
            }
        }
        return new SpoolContents(segments, unsettled, ended, Math.Max(1, firstSeq), nextSeq);
    }
}
