using System.Buffers.Binary;

namespace Quota.Gateway.Providers.OpenAi;

/// <summary>How long audio can be, by its bytes. A WAV file's header says it; of others only the lowest rate of their formats is known.</summary>
internal static class AudioLength
{
    /// <summary>
    /// No speech codec among the formats that are taken goes lower than Opus at 6 kbit/s (RFC 6716, 2.1.1); MP3 ends at 8 (ISO 13818-3). Silence can
    /// be packed tighter still: what is billed beyond the hold is counted all the same.
    /// </summary>
    public const long LeastBytesPerSecond = 750;

    /// <summary>What speech is usually stored at, 32 kbit/s: for calls whose answer tells nothing.</summary>
    public const long UsualBytesPerSecond = 4_000;

    /// <summary>The most whole seconds that a file of so many bytes lasts.</summary>
    public static long MostSeconds(long bytes) => Seconds(bytes, LeastBytesPerSecond);

    /// <summary>The most whole seconds that this file lasts.</summary>
    public static long MostSeconds(ReadOnlySpan<byte> file) => Seconds(file.Length, BytesPerSecond(file) ?? LeastBytesPerSecond);

    private static long Seconds(long bytes, long perSecond) => (bytes + perSecond - 1) / perSecond;

    /// <summary>
    /// The rate of a RIFF file of uncompressed samples (1 integers, 3 floats), whose two statements of it agree; null for anything else. Its
    /// decoder has nothing but the same numbers to go by.
    /// </summary>
    private static long? BytesPerSecond(ReadOnlySpan<byte> file)
    {
        if (file.Length < 44 || !file.StartsWith("RIFF"u8) || !file[8..].StartsWith("WAVEfmt "u8))
            return null;
        var format = BinaryPrimitives.ReadUInt16LittleEndian(file[20..]);
        long channels = BinaryPrimitives.ReadUInt16LittleEndian(file[22..]), samples = BinaryPrimitives.ReadUInt32LittleEndian(file[24..]);
        long rate = BinaryPrimitives.ReadUInt32LittleEndian(file[28..]), bits = BinaryPrimitives.ReadUInt16LittleEndian(file[34..]);
        return format is 1 or 3 && channels is >= 1 and <= 8 && bits is 8 or 16 or 24 or 32 or 64 && samples is >= 4_000 and <= 384_000 && rate == samples * channels * bits / 8 ? rate : null;
    }
}
