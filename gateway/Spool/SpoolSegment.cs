using System.Security.Cryptography;

namespace Quota.Gateway.Spool;

/// <summary>A segment that is open for writing.</summary>
internal sealed record SpoolSegment(int Number, ISpoolFile File, uint Salt)
{
    /// <summary>A new one, ready for its first record: its name and preamble are durable. Waits for the disk.</summary>
    /// <exception cref="IOException">The disk failed.</exception>
    public static SpoolSegment Create(ISpoolDisk disk, int number)
    {
        var file = disk.Create(SegmentName.Of(number));
        Span<byte> preamble = stackalloc byte[SpoolFormat.PreambleBytes];
        var salt = (uint)RandomNumberGenerator.GetInt32(int.MaxValue);
        SpoolFormat.WritePreamble(preamble, salt);
        file.Write(preamble, 0);
        file.Flush();
        disk.Sync();
        return new SpoolSegment(number, file, salt);
    }
}
