using System.Buffers;

namespace Quota.Gateway.Spool;

/// <summary>A record as read back; the payload is a copy.</summary>
internal readonly record struct SpoolEntry(RecordKind Kind, byte[] Payload, SpoolPosition Next);

/// <summary>Reads records in order. Damage stops with file and offset and is never skipped.</summary>
internal static class SpoolReader
{
    /// <summary>
    /// The records from <paramref name="from"/> to <paramref name="to"/>. When <paramref name="to"/> is null, to the end of the last
    /// segment, whose torn tail (a record that the kernel never got whole, so that no call went on because of it) is cut off.
    /// </summary>
    /// <exception cref="SpoolDamagedException">A record in the middle does not match its checksum.</exception>
    public static IEnumerable<SpoolEntry> Read(string folder, SpoolPosition from, SpoolPosition? to)
    {
        if (from == to)
            yield break;
        var segments = SpoolPosition.Segments(folder).Where(segment => segment >= from.Segment && (to is null || segment <= to.Value.Segment)).ToArray();
        foreach (var segment in segments)
        {
            var start = segment == from.Segment ? from.Offset : 0;
            var path = SpoolPosition.PathOf(folder, segment);
            var end = segment == to?.Segment ? to.Value.Offset : new FileInfo(path).Length;
            var isTail = to is null && segment == segments[^1];
            foreach (var entry in ReadSegment(path, segment, start, end, isTail))
                yield return entry;
        }
    }

    private static IEnumerable<SpoolEntry> ReadSegment(string path, int segment, long start, long end, bool isTail)
    {
        if (start >= end)
            yield break;
        using var handle = File.OpenHandle(path, FileMode.Open, isTail ? FileAccess.ReadWrite : FileAccess.Read, FileShare.ReadWrite);
        using var rented = MemoryPool<byte>.Shared.Rent((int)Math.Min(end - start, SpoolFormat.MaxPayloadBytes + SpoolFormat.HeaderBytes));
        var buffer = rented.Memory;
        var offset = start;
        while (offset < end)
        {
            var filled = RandomAccess.Read(handle, buffer.Span[..(int)Math.Min(buffer.Length, end - offset)], offset);
            var used = 0;
            while (SpoolFormat.Read(buffer.Span[used..filled], out var kind, out var payload) is var length and > 0)
            {
                used += length;
                yield return new SpoolEntry(kind, payload.ToArray(), new SpoolPosition(segment, offset + used));
            }
            if (used > 0)
            {
                offset += used;
                continue;
            }
            if (!isTail || HasRecordBehind(buffer.Span[..filled]))
                throw new SpoolDamagedException(path, offset);
            RandomAccess.SetLength(handle, offset);
            yield break;
        }
    }

    /// <summary>A whole record behind a broken one means damage, not a torn tail: cutting there would lose it.</summary>
    private static bool HasRecordBehind(ReadOnlySpan<byte> data)
    {
        for (var i = 1; i < data.Length; i++)
        {
            if (SpoolFormat.Read(data[i..], out var kind, out var payload) > 0 && payload.Length > 0 && kind is >= RecordKind.Segment and <= RecordKind.Settled)
                return true;
        }
        return false;
    }
}

/// <summary>The log is damaged at a known place. It has to be looked at by a person: nothing after it is shipped meanwhile.</summary>
internal sealed class SpoolDamagedException(string file, long offset)
    : IOException($"{file} is damaged at offset {offset}: the record there does not match its checksum. Restore the file, or move it aside and reconcile its calls by hand.")
{
    public string File => file;

    public long Offset => offset;
}
