using System.Buffers.Binary;
using System.IO.Hashing;

namespace Quota.Gateway.Spool;

/// <summary>What a record says of a call.</summary>
internal enum RecordKind : byte
{
    /// <summary>First in every segment: the next sequence number.</summary>
    Segment = 1,

    /// <summary>A billable call is about to be sent upstream (<see cref="BeginRecord"/>).</summary>
    Begin = 2,

    /// <summary>The usage event. From here it is money.</summary>
    End = 3,

    /// <summary>The counters hold what the event says (<see cref="SettledRecord"/>).</summary>
    Settled = 4,
}

/// <summary>
/// A record on disk: length of the payload (4 bytes), CRC-32 over kind and payload (4), kind (1), payload (UTF-8 JSON). Little-endian.
/// </summary>
internal static class SpoolFormat
{
    public const int HeaderBytes = 9;

    /// <summary>No record is larger; a length beyond this is damage.</summary>
    public const int MaxPayloadBytes = 1 << 20;

    /// <summary>Fills in the header of a record whose payload already lies behind it.</summary>
    public static void Seal(Span<byte> record, RecordKind kind)
    {
        record[8] = (byte)kind;
        BinaryPrimitives.WriteInt32LittleEndian(record, record.Length - HeaderBytes);
        BinaryPrimitives.WriteUInt32LittleEndian(record[4..], Crc32.HashToUInt32(record[8..]));
    }

    /// <summary>Reads the record at the start of <paramref name="data"/>; 0 when it is not whole or its checksum is wrong.</summary>
    /// <returns>Bytes of the record.</returns>
    public static int Read(ReadOnlySpan<byte> data, out RecordKind kind, out ReadOnlySpan<byte> payload)
    {
        kind = default;
        payload = default;
        if (data.Length < HeaderBytes)
            return 0;
        var length = BinaryPrimitives.ReadInt32LittleEndian(data);
        if (length is < 0 or > MaxPayloadBytes || data.Length < HeaderBytes + length)
            return 0;
        var checkedPart = data.Slice(8, length + 1);
        if (Crc32.HashToUInt32(checkedPart) != BinaryPrimitives.ReadUInt32LittleEndian(data[4..]))
            return 0;
        kind = (RecordKind)data[8];
        payload = checkedPart[1..];
        return HeaderBytes + length;
    }
}
