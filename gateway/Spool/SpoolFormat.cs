using System.Buffers.Binary;
using System.IO.Hashing;

namespace Quota.Gateway.Spool;

/// <summary>What a record says of a call.</summary>
internal enum RecordKind : byte
{
    /// <summary>First in every segment: the next sequence number (<see cref="SegmentRecord"/>).</summary>
    Segment = 1,

    /// <summary>A billable call is about to be sent upstream (<see cref="BeginRecord"/>).</summary>
    Begin = 2,

    /// <summary>The usage event. From here it is money.</summary>
    End = 3,

    /// <summary>The counters hold what the event says (<see cref="SettledRecord"/>).</summary>
    Settled = 4,

    /// <summary>How far a running stream is (<see cref="ProgressRecord"/>).</summary>
    Progress = 5,

    /// <summary>How far the log had been fsynced (<see cref="MarkRecord"/>): whatever is damaged before that is damage, not a torn tail.</summary>
    Mark = 6,
}

/// <summary>
/// A segment begins with a preamble: a magic word (8 bytes), a salt (4), CRC-32 over both (4). A record on disk: length of the payload (4 bytes),
/// CRC-32 over kind and payload, XORed with the salt (4), kind (1), payload (UTF-8 JSON). Little-endian.
/// </summary>
/// <remarks>The salt is another for each segment, so that what a file system shows of a former file's sectors is no record of this one.</remarks>
internal static class SpoolFormat
{
    public const int PreambleBytes = 16;

    public const int HeaderBytes = 9;

    /// <summary>No record is larger; a length beyond this is damage.</summary>
    public const int MaxPayloadBytes = 1 << 20;

    private static ReadOnlySpan<byte> Magic => "QSPOOL1\n"u8;

    public static void WritePreamble(Span<byte> preamble, uint salt)
    {
        Magic.CopyTo(preamble);
        BinaryPrimitives.WriteUInt32LittleEndian(preamble[8..], salt);
        BinaryPrimitives.WriteUInt32LittleEndian(preamble[12..], Crc32.HashToUInt32(preamble[..12]));
    }

    /// <summary>The salt of a segment; null when its preamble is not whole.</summary>
    public static uint? ReadPreamble(ReadOnlySpan<byte> preamble) =>
        preamble.Length == PreambleBytes && preamble.StartsWith(Magic) && Crc32.HashToUInt32(preamble[..12]) == BinaryPrimitives.ReadUInt32LittleEndian(preamble[12..])
            ? BinaryPrimitives.ReadUInt32LittleEndian(preamble[8..]) : null;

    /// <summary>Fills in the header of a record whose payload already lies behind it.</summary>
    public static void Seal(Span<byte> record, RecordKind kind, uint salt)
    {
        record[8] = (byte)kind;
        BinaryPrimitives.WriteInt32LittleEndian(record, record.Length - HeaderBytes);
        BinaryPrimitives.WriteUInt32LittleEndian(record[4..], Crc32.HashToUInt32(record[8..]) ^ salt);
    }

    /// <summary>Reads the record at the start of <paramref name="data"/>; 0 when it is not whole or its checksum is wrong.</summary>
    /// <returns>Bytes of the record.</returns>
    public static int Read(ReadOnlySpan<byte> data, uint salt, out RecordKind kind, out ReadOnlySpan<byte> payload)
    {
        kind = default;
        payload = default;
        if (data.Length < HeaderBytes)
            return 0;
        var length = BinaryPrimitives.ReadInt32LittleEndian(data);
        if (length is <= 0 or > MaxPayloadBytes || data.Length < HeaderBytes + length)
            return 0;
        var checkedPart = data.Slice(8, length + 1);
        if ((Crc32.HashToUInt32(checkedPart) ^ salt) != BinaryPrimitives.ReadUInt32LittleEndian(data[4..]))
            return 0;
        kind = (RecordKind)data[8];
        payload = checkedPart[1..];
        return HeaderBytes + length;
    }

    /// <summary>Whether the data ends before the record does that it begins with, so that the rest of it may never have been written.</summary>
    public static bool IsCutShort(ReadOnlySpan<byte> data) =>
        data.Length < HeaderBytes || BinaryPrimitives.ReadInt32LittleEndian(data) is > 0 and <= MaxPayloadBytes and var length && data.Length < HeaderBytes + length;
}
