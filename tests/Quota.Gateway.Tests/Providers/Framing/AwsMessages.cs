using System.Buffers.Binary;
using System.IO.Hashing;
using System.Text;
using Quota.TestKit;

namespace Quota.Gateway.Tests.Providers.Framing;

/// <summary>Messages as the specification writes them (smithy.io/2.0/aws/amazon-eventstream.html), and what a real provider sent.</summary>
internal static class AwsMessages
{
    public static byte[] Event(string name, string payload) => Of(payload, Text(":event-type", name), Text(":content-type", "application/json"), Text(":message-type", "event"));

    public static byte[] Of(string payload, params byte[][] headers) => Of(Encoding.UTF8.GetBytes(payload), [.. headers.SelectMany(it => it)]);

    public static byte[] Of(byte[] payload, byte[] headers)
    {
        var bytes = new byte[16 + headers.Length + payload.Length];
        BinaryPrimitives.WriteInt32BigEndian(bytes, bytes.Length);
        BinaryPrimitives.WriteInt32BigEndian(bytes.AsSpan(4), headers.Length);
        BinaryPrimitives.WriteUInt32BigEndian(bytes.AsSpan(8), Crc32.HashToUInt32(bytes.AsSpan(0, 8)));
        headers.CopyTo(bytes, 12);
        payload.CopyTo(bytes, 12 + headers.Length);
        BinaryPrimitives.WriteUInt32BigEndian(bytes.AsSpan(bytes.Length - 4), Crc32.HashToUInt32(bytes.AsSpan(0, bytes.Length - 4)));
        return bytes;
    }

    public static byte[] Text(string name, string value) => Header(name, 7, [(byte)(value.Length >> 8), (byte)value.Length, .. Encoding.UTF8.GetBytes(value)]);

    public static byte[] Header(string name, byte type, params byte[] value) => [(byte)name.Length, .. Encoding.UTF8.GetBytes(name), type, .. value];

    public static byte[] Recorded(string name) =>
        Convert.FromBase64String(File.ReadAllText(Path.Combine(Repository.Root, "tests/Quota.Gateway.Tests/Providers/Recordings", name + ".eventstream.base64")));
}
