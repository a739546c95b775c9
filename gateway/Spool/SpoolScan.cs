using System.Text.Json;

namespace Quota.Gateway.Spool;

/// <summary>
/// The log as a start finds it: first every record is read, to where the log does not go on; then it is decided whether that is its end or damage,
/// and what is left is made durable.
/// </summary>
/// <remarks>
/// <para>
/// After a power loss the disk has any of the sectors that were written since the last fsync, in no order. So a hole with sound records behind it is
/// no damage by itself: write A, B and C, lose the power, and find A and C. To stop there would keep a gateway from starting after every second
/// power loss; to cut at each hole would lose fsynced records when a bit flips in them. What tells the two apart is proof of how far had been
/// fsynced: marks, which are written after an fsync and say so, and the first record of each segment, which says so, too. A mark behind the hole that
/// says "fsynced beyond the hole" makes it damage. No such mark: the hole is in what never was acknowledged as durable, and neither was anything behind
/// it, since fsync goes in order. Then all of it is cut, later segments too, and sequence numbers go on without a gap.
/// </para>
/// <para>
/// A mark is itself fsynced with the next group, or 0.1 s later when there is none. A bit that flips in the last group, and the power lost before its
/// mark is durable, looks like a torn tail: in the instant after fsync returns nothing on a disk can say that it did.
/// </para>
/// <para>
/// Within one boot of the machine the kernel has everything that was written, in order: there, only the last record can be half written, with nothing
/// behind it. All else is damage.
/// </para>
/// <para>
/// What is read but not proven to be fsynced is copied to a new file, which is fsynced and takes the old one's place. To fsync the old one would not do:
/// Linux calls pages clean that it failed to write, so after a failed fsync the next one succeeds, and the records are gone with the power.
/// </para>
/// </remarks>
internal sealed class SpoolScan(ISpoolDisk disk, bool sameBoot)
{
    private readonly IReadOnlyList<int> _found = SegmentName.In(disk);
    private readonly List<int> _segments = [];
    private SpoolPosition _end, _proven, _lastRecord;
    private SpoolPosition? _stop;

    /// <summary>The end of the last segment.</summary>
    public SpoolPosition End => _end;

    /// <summary>A number that no segment had, also none that was cut away.</summary>
    public int NextSegment => _found.Count > 0 ? _found[^1] + 1 : 1;

    /// <summary>The oldest segment; the one to come when there is none.</summary>
    public int FirstSegment => _segments.Count > 0 ? _segments[0] : NextSegment;

    /// <summary>Every record up to where the log does not go on.</summary>
    public IEnumerable<SpoolEntry> Read()
    {
        foreach (var segment in _found)
        {
            using var file = disk.Open(SegmentName.Of(segment));
            if (file.Length <= SpoolFormat.PreambleBytes)
                continue;   // made ready and not begun; should it be lost that it was, the next one does not follow on
            var salt = SaltOf(file, segment);
            var at = new SpoolPosition(segment, SpoolFormat.PreambleBytes);
            foreach (var entry in SpoolReader.ReadSegment(file, salt, at, file.Length))
            {
                if (_end.Segment != segment && _segments.Count > 0 && !SpoolReader.Follows(entry, _end))
                {
                    _stop = _end;
                    yield break;
                }
                if (_end.Segment != segment)
                    _segments.Add(segment);
                _end = at = entry.Next;
                Note(entry);
                yield return entry;
            }
            if (at.Offset < file.Length)
            {
                _stop = at;
                yield break;
            }
        }
    }

    /// <summary>To be called when all is read: cuts what was never acknowledged, and makes the rest durable.</summary>
    /// <returns>The bytes of each segment that is left, oldest first.</returns>
    /// <exception cref="SpoolDamagedException">The log does not go on although more of it had been fsynced.</exception>
    public IReadOnlyList<long> Finish()
    {
        if (_stop is { } stop && IsDamage(stop))
            throw SpoolReader.Damaged(disk, stop);
        foreach (var segment in _found.Where(segment => segment > _end.Segment).Reverse())
            disk.Delete(SegmentName.Of(segment));
        disk.Sync();
        return [.. _segments.Select(Harden)];
    }

    private void Note(SpoolEntry entry)
    {
        if (DurableIn(entry.Kind, entry.Payload) is { } durable)
            _proven = durable > _proven ? durable : _proven;
        else
            _lastRecord = entry.Next;
    }

    private bool IsDamage(SpoolPosition stop)
    {
        var (hasRecords, proven, isCutShort) = (false, default(SpoolPosition), false);
        foreach (var segment in _found.Where(segment => segment >= _end.Segment))
        {
            var data = disk.ReadWhole(SegmentName.Of(segment))!;
            if (data.Length <= SpoolFormat.PreambleBytes)
                continue;
            var salt = SpoolFormat.ReadPreamble(data.AsSpan(0, SpoolFormat.PreambleBytes)) ?? throw SpoolReader.Damaged(disk, new SpoolPosition(segment, 0));
            var from = segment == _end.Segment ? (int)_end.Offset : SpoolFormat.PreambleBytes;
            isCutShort |= segment == stop.Segment && stop.Offset < data.Length && SpoolFormat.IsCutShort(data.AsSpan((int)stop.Offset));
            for (int i = from, length; i < data.Length; i += Math.Max(1, length))
            {
                length = SpoolFormat.Read(data.AsSpan(i), salt, out var kind, out var payload);
                hasRecords |= length > 0;
                if (length > 0 && DurableIn(kind, payload) is { } durable && durable > proven)
                    proven = durable;
            }
        }
        return proven > _end || (sameBoot && (hasRecords || !isCutShort));
    }

    private static SpoolPosition? DurableIn(RecordKind kind, ReadOnlySpan<byte> payload) => kind switch
    {
        RecordKind.Segment => JsonSerializer.Deserialize(payload, SpoolJson.Default.SegmentRecord)!.Durable,
        RecordKind.Mark => JsonSerializer.Deserialize(payload, SpoolJson.Default.MarkRecord)!.Durable,
        _ => null,
    };

    private long Harden(int segment)
    {
        using var file = disk.Open(SegmentName.Of(segment));
        var end = new SpoolPosition(segment, segment == _end.Segment ? _end.Offset : file.Length);
        if (end.Offset < file.Length || (end > _proven && _lastRecord > _proven))
            disk.Replace(SegmentName.Of(segment), disk.ReadWhole(SegmentName.Of(segment)).AsSpan(0, (int)end.Offset));
        else if (end > _proven)
            file.Flush();   // only a mark
        return end.Offset;
    }

    /// <summary>A preamble is durable before the first record is written, so it is never torn.</summary>
    private uint SaltOf(ISpoolFile file, int segment) => SpoolReader.PreambleOf(file) ?? throw SpoolReader.Damaged(disk, new SpoolPosition(segment, 0));
}
