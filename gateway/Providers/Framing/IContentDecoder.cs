using System.Buffers;

namespace Quota.Gateway.Providers.Framing;

/// <summary>Takes one content coding (RFC 9110, 8.4.1) off bytes that come in pieces, with bounded memory. Never throws on what it gets.</summary>
internal interface IContentDecoder : IDisposable
{
    /// <summary>
    /// Decodes some: <see cref="OperationStatus.DestinationTooSmall"/> when more may come of what it has, <see cref="OperationStatus.NeedMoreData"/>
    /// when not, <see cref="OperationStatus.Done"/> after the end, <see cref="OperationStatus.InvalidData"/> for what is not of the coding.
    /// </summary>
    OperationStatus Decode(ReadOnlySpan<byte> encoded, Span<byte> decoded, out int taken, out int written);
}
