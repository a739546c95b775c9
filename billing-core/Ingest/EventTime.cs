using System.Buffers.Binary;

namespace Quota.Billing.Ingest;

/// <summary>The time inside a UUIDv7, and the range of ids that a month is.</summary>
internal static class EventTime
{
    private static readonly long MaxMs = DateTimeOffset.MaxValue.ToUnixTimeMilliseconds();

    /// <summary>When the id was made, to the millisecond; false for an id of another kind.</summary>
    public static bool TryOfId(Guid id, out DateTimeOffset time)
    {
        Span<byte> bytes = stackalloc byte[16];
        id.TryWriteBytes(bytes, bigEndian: true, out _);
        var ms = BinaryPrimitives.ReadInt64BigEndian(bytes) >>> 16;
        var usable = id.Version == 7 && (bytes[8] & 0xC0) == 0x80 && ms <= MaxMs;
        time = usable ? DateTimeOffset.FromUnixTimeMilliseconds(ms) : default;
        return usable;
    }

    /// <summary>The smallest id of a time: every id made from then on is greater or equal.</summary>
    public static Guid FirstId(DateTimeOffset time)
    {
        Span<byte> bytes = stackalloc byte[16];
        BinaryPrimitives.WriteInt64BigEndian(bytes, time.ToUnixTimeMilliseconds() << 16);
        return new Guid(bytes, bigEndian: true);
    }
}
