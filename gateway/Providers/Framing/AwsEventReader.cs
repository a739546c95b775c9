using System.Buffers.Binary;
using System.IO.Hashing;

namespace Quota.Gateway.Providers.Framing;

/// <summary>
/// Amazon's <c>application/vnd.amazon.eventstream</c> (smithy.io/2.0/aws/amazon-eventstream.html), as Bedrock streams. A message, all big-endian:
/// length of all (u32), length of the headers (u32), CRC-32 of these eight bytes, headers, payload, CRC-32 of everything before.
/// </summary>
/// <remarks>
/// Both checksums are verified. After a wrong one, or lengths that cannot be, nothing says where the next message begins: that message and all
/// that follows pass unread, and nobody looks for a place to begin again. A message larger than <see cref="EventReader.MaxEventBytes"/> passes
/// unread by its length, whatever it is (the specification leaves its bounds, 24 MB and 128 kB of headers, to services), and the next is read.
/// </remarks>
internal sealed class AwsEventReader(EventReader.OnEvent onEvent) : EventReader(onEvent)
{
    private const int PreludeBytes = 12;
    private const int ChecksumBytes = 4;

    private long _left;   // bytes of the message in progress that are to come; 0 until its prelude is here
    private bool _isLarge, _isBroken;

    protected override int EndIn(ReadOnlySpan<byte> data)
    {
        if (_left == 0 && !_isBroken && !TryBegin(data))
            return _isBroken ? Unreadable : NotYet;
        if (_isBroken)
            return Unreadable;
        if (data.Length >= _left)
        {
            var end = (int)_left;
            _left = 0;
            return end;
        }
        _left -= data.Length;
        return _isLarge ? Unreadable : NotYet;
    }

    protected override bool TryRead(ReadOnlySpan<byte> whole, out EventPiece piece)
    {
        piece = default;
        if (whole.Length < PreludeBytes + ChecksumBytes || whole.Length != LengthOf(whole))
            return false;   // a stream that broke off
        _isBroken = Crc32.HashToUInt32(whole[..^ChecksumBytes]) != BinaryPrimitives.ReadUInt32BigEndian(whole[^ChecksumBytes..]);
        if (_isBroken)
            return false;
        var body = whole[PreludeBytes..^ChecksumBytes];
        var headers = (int)BinaryPrimitives.ReadUInt32BigEndian(whole[4..]);
        if (!AwsHeaders.TryRead(body[..headers], out var read))
            return false;   // the next message can be read all the same
        piece = new EventPiece(read.Name, body[headers..], read.IsError);
        return true;
    }

    /// <summary>Reads the prelude, part of which may be kept from earlier. False when it is not here yet, or wrong.</summary>
    private bool TryBegin(ReadOnlySpan<byte> data)
    {
        var before = Rest;
        if (before.Length + data.Length < PreludeBytes)
            return false;
        Span<byte> prelude = stackalloc byte[PreludeBytes];
        before.CopyTo(prelude);
        data[..(PreludeBytes - before.Length)].CopyTo(prelude[before.Length..]);
        var length = LengthOf(prelude);
        _isBroken = length < 0;
        _left = _isBroken ? 0 : length - before.Length;
        _isLarge = length > MaxEventBytes;
        return !_isBroken;
    }

    /// <summary>The length of all of the message; -1 when the prelude is wrong.</summary>
    private static long LengthOf(ReadOnlySpan<byte> prelude)
    {
        long length = BinaryPrimitives.ReadUInt32BigEndian(prelude), headers = BinaryPrimitives.ReadUInt32BigEndian(prelude[4..]);
        return length >= PreludeBytes + headers + ChecksumBytes && Crc32.HashToUInt32(prelude[..8]) == BinaryPrimitives.ReadUInt32BigEndian(prelude[8..]) ? length : -1;
    }
}
