using System.Buffers;
using System.Buffers.Binary;
using System.IO.Hashing;
using System.Text;
using Quota.Gateway.Providers.Framing;

namespace Quota.Gateway.Providers.Bedrock;

/// <summary>Writes events as <see cref="AwsEventReader"/> reads them (smithy.io/2.0/aws/amazon-eventstream.html), with the three headers that Bedrock gives each.</summary>
internal static class AwsEventWriter
{
    private const int PreludeBytes = 12;
    private const int ChecksumBytes = 4;
    private const byte TypeOfText = 7;

    /// <summary>One message of type <c>event</c> whose payload is JSON.</summary>
    public static void Write(IBufferWriter<byte> output, string name, ReadOnlySpan<byte> payload)
    {
        byte[] headers = [.. Header(":event-type", name), .. Header(":content-type", "application/json"), .. Header(":message-type", "event")];
        var length = PreludeBytes + headers.Length + payload.Length + ChecksumBytes;
        var message = output.GetSpan(length)[..length];
        BinaryPrimitives.WriteInt32BigEndian(message, length);
        BinaryPrimitives.WriteInt32BigEndian(message[4..], headers.Length);
        BinaryPrimitives.WriteUInt32BigEndian(message[8..], Crc32.HashToUInt32(message[..8]));
        headers.CopyTo(message[PreludeBytes..]);
        payload.CopyTo(message[(PreludeBytes + headers.Length)..]);
        BinaryPrimitives.WriteUInt32BigEndian(message[^ChecksumBytes..], Crc32.HashToUInt32(message[..^ChecksumBytes]));
        output.Advance(length);
    }

    /// <summary>Length of the name (u8), name, type, length of the value (u16), value.</summary>
    private static byte[] Header(string name, string value) =>
        [(byte)name.Length, .. Encoding.ASCII.GetBytes(name), TypeOfText, (byte)(value.Length >> 8), (byte)value.Length, .. Encoding.ASCII.GetBytes(value)];
}
