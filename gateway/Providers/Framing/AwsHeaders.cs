using System.Buffers.Binary;

namespace Quota.Gateway.Providers.Framing;

/// <summary>
/// The headers of an Amazon message that say what it is: <c>:message-type</c> is <c>event</c>, <c>exception</c> or <c>error</c>, and the name stands in
/// <c>:event-type</c>, <c>:exception-type</c> or <c>:error-code</c> (smithy.io/2.0/aws/amazon-eventstream.html).
/// </summary>
internal ref struct AwsHeaders
{
    private const byte TypeOfText = 7;

    private ReadOnlySpan<byte> _messageType, _eventType, _exceptionType, _errorCode;

    public readonly bool IsError => _messageType.SequenceEqual("exception"u8) || _messageType.SequenceEqual("error"u8);

    /// <summary>What kind of event it is; empty when no header says so.</summary>
    public readonly ReadOnlySpan<byte> Name => !IsError ? _eventType : !_exceptionType.IsEmpty ? _exceptionType : _errorCode;

    /// <summary>A header is the length of its name (u8, not 0), name, type (u8), value. False when they are not so to the last byte.</summary>
    public static bool TryRead(ReadOnlySpan<byte> bytes, out AwsHeaders headers)
    {
        headers = default;
        while (!bytes.IsEmpty)
        {
            var typeAt = 1 + bytes[0];
            if (typeAt == 1 || typeAt >= bytes.Length)
                return false;
            var value = bytes[(typeAt + 1)..];
            if (!TryLength(bytes[typeAt], value, out var prefix, out var length) || prefix + length > value.Length)
                return false;
            if (bytes[typeAt] == TypeOfText)
                headers.Set(bytes[1..typeAt], value.Slice(prefix, length));
            bytes = value[(prefix + length)..];
        }
        return true;
    }

    /// <summary>Bytes of a value by its type; those of bytes (6) and text (7) are told by the two bytes before it.</summary>
    private static bool TryLength(byte type, ReadOnlySpan<byte> value, out int prefix, out int length)
    {
        prefix = type is 6 or TypeOfText ? 2 : 0;
        length = type switch
        {
            0 or 1 => 0,   // true, false
            2 => 1,
            3 => 2,
            4 => 4,
            5 or 8 => 8,   // a long, milliseconds since 1970
            9 => 16,
            6 or TypeOfText when value.Length >= 2 => BinaryPrimitives.ReadUInt16BigEndian(value),
            _ => -1,
        };
        return length >= 0;
    }

    private void Set(ReadOnlySpan<byte> name, ReadOnlySpan<byte> value)
    {
        if (name.SequenceEqual(":message-type"u8))
            _messageType = value;
        else if (name.SequenceEqual(":event-type"u8))
            _eventType = value;
        else if (name.SequenceEqual(":exception-type"u8))
            _exceptionType = value;
        else if (name.SequenceEqual(":error-code"u8))
            _errorCode = value;
    }
}
