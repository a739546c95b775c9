using System.Buffers.Binary;
using System.IO.Hashing;
using System.Text;
using System.Text.Json;

namespace Quota.Gateway.Tests.Providers.Bedrock;

/// <summary>One message of an event stream, read as strictly as a client does: both checksums, every header.</summary>
internal sealed record AwsFrame(string Type, string Name, JsonElement Data)
{
    /// <summary>All messages; fails where the bytes are none.</summary>
    public static IReadOnlyList<AwsFrame> Of(byte[] bytes)
    {
        List<AwsFrame> frames = [];
        for (var at = 0; at < bytes.Length;)
        {
            var rest = bytes.AsSpan(at);
            var (length, headers) = (BinaryPrimitives.ReadInt32BigEndian(rest), BinaryPrimitives.ReadInt32BigEndian(rest[4..]));
            Crc32.HashToUInt32(rest[..8]).ShouldBe(BinaryPrimitives.ReadUInt32BigEndian(rest[8..]), "checksum of the prelude");
            Crc32.HashToUInt32(rest[..(length - 4)]).ShouldBe(BinaryPrimitives.ReadUInt32BigEndian(rest[(length - 4)..]), "checksum of the message");
            var named = Headers(rest.Slice(12, headers));
            var data = JsonElement.Parse(rest[(12 + headers)..(length - 4)]);
            var type = named[":message-type"];
            frames.Add(new AwsFrame(type, named[type == "event" ? ":event-type" : ":exception-type"], data));
            at += length;
        }
        return frames;
    }

    /// <summary>What a chunk of an invoked model says.</summary>
    public JsonElement Inner => JsonElement.Parse(Data.GetProperty("bytes").GetBytesFromBase64());

    private static Dictionary<string, string> Headers(ReadOnlySpan<byte> bytes)
    {
        Dictionary<string, string> headers = [];
        while (!bytes.IsEmpty)
        {
            var name = Encoding.UTF8.GetString(bytes.Slice(1, bytes[0]));
            bytes = bytes[(1 + bytes[0])..];
            bytes[0].ShouldBe((byte)7);   // text
            var length = BinaryPrimitives.ReadUInt16BigEndian(bytes[1..]);
            headers[name] = Encoding.UTF8.GetString(bytes.Slice(3, length));
            bytes = bytes[(3 + length)..];
        }
        return headers;
    }
}
