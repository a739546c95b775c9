using System.Buffers;
using System.Text.Json;

namespace Quota.Gateway.Spool;

/// <summary>A record as read back; the payload is a copy.</summary>
internal readonly record struct SpoolEntry(RecordKind Kind, byte[] Payload, SpoolPosition Next);

/// <summary>Reads records in order. Damage stops with file and offset and is never skipped.</summary>
internal static class SpoolReader
{
    /// <summary>The records between two positions, all of which are fsynced.</summary>
    /// <exception cref="SpoolDamagedException">A record does not match its checksum, or one is missing.</exception>
    public static IEnumerable<SpoolEntry> Read(ISpoolDisk disk, SpoolPosition from, SpoolPosition to)
    {
        if (from >= to)
            yield break;
        SpoolPosition? before = null;
        foreach (var segment in SegmentName.In(disk).Where(segment => segment >= from.Segment && segment <= to.Segment))
        {
            using var file = disk.Open(SegmentName.Of(segment));
            var salt = PreambleOf(file) ?? throw Damaged(disk, new SpoolPosition(segment, 0));
            var at = new SpoolPosition(segment, Math.Max(SpoolFormat.PreambleBytes, segment == from.Segment ? from.Offset : 0));
            var end = segment == to.Segment ? to.Offset : file.Length;
            foreach (var entry in ReadSegment(file, salt, at, end))
            {
                if (before is not null && !Follows(entry, before.Value))
                    throw Damaged(disk, before.Value);
                (before, at) = (null, entry.Next);
                yield return entry;
            }
            if (at.Offset < end)
                throw Damaged(disk, at);
            before = at;
        }
    }

    /// <summary>The records of a segment from a place on, to the first that is not sound.</summary>
    public static IEnumerable<SpoolEntry> ReadSegment(ISpoolFile file, uint salt, SpoolPosition start, long end)
    {
        var offset = start.Offset;
        if (offset >= end)
            yield break;
        using var rented = MemoryPool<byte>.Shared.Rent((int)Math.Min(end - offset, SpoolFormat.MaxPayloadBytes + SpoolFormat.HeaderBytes));
        var buffer = rented.Memory;
        while (offset < end)
        {
            var filled = Fill(file, buffer.Span[..(int)Math.Min(buffer.Length, end - offset)], offset);
            var used = 0;
            while (SpoolFormat.Read(buffer.Span[used..filled], salt, out var kind, out var payload) is var length and > 0)
            {
                used += length;
                yield return new SpoolEntry(kind, payload.ToArray(), start with { Offset = offset + used });
            }
            if (used == 0)
                yield break;
            offset += used;
        }
    }

    /// <summary>The segment's salt; null when its preamble is not whole.</summary>
    public static uint? PreambleOf(ISpoolFile file)
    {
        Span<byte> preamble = stackalloc byte[SpoolFormat.PreambleBytes];
        return SpoolFormat.ReadPreamble(preamble[..Fill(file, preamble, 0)]);
    }

    /// <summary>Whether a segment that begins with this record is the one after another, which ends there.</summary>
    public static bool Follows(SpoolEntry first, SpoolPosition end) =>
        first.Kind == RecordKind.Segment && JsonSerializer.Deserialize(first.Payload, SpoolJson.Default.SegmentRecord)!.Previous == end;

    public static SpoolDamagedException Damaged(ISpoolDisk disk, SpoolPosition at) => new(disk.PathOf(SegmentName.Of(at.Segment)), at.Offset);

    /// <summary>All that there is, for one read may answer less.</summary>
    private static int Fill(ISpoolFile file, Span<byte> into, long offset)
    {
        var filled = 0;
        while (filled < into.Length && file.Read(into[filled..], offset + filled) is var count and > 0)
            filled += count;
        return filled;
    }
}

/// <summary>The log is damaged at a known place. It has to be looked at by a person: nothing after it is shipped meanwhile.</summary>
internal sealed class SpoolDamagedException(string file, long offset)
    : IOException($"{file} is damaged at offset {offset}: the record there does not match its checksum, or what follows it is missing. Restore the file, or move it aside and reconcile its calls by hand.")
{
    public string File => file;

    public long Offset => offset;
}
