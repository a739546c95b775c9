using System.Buffers;

namespace Quota.Gateway.Forwarding;

/// <summary>A request's body, read whole into a rented buffer. Only as long as the call lives.</summary>
internal sealed class RequestBody : IDisposable
{
    private byte[] _buffer;
    private int _length;

    private RequestBody(int capacity) => _buffer = ArrayPool<byte>.Shared.Rent(capacity);

    public ReadOnlyMemory<byte> Bytes => _buffer.AsMemory(0, _length);

    /// <summary>Reads the body; null when it is larger than <paramref name="maxBytes"/>.</summary>
    /// <exception cref="BadHttpRequestException">The client sent it wrongly or too slowly.</exception>
    public static async Task<RequestBody?> ReadAsync(HttpRequest request, long maxBytes, CancellationToken cancellation)
    {
        if (request.ContentLength > maxBytes)
            return null;
        var body = new RequestBody((int)Math.Min(maxBytes, request.ContentLength ?? 4096) + 1);
        try
        {
            while (await request.Body.ReadAsync(body._buffer.AsMemory(body._length), cancellation) is var count and > 0)
            {
                body._length += count;
                if (body._length > maxBytes)
                {
                    body.Dispose();
                    return null;
                }
                if (body._length == body._buffer.Length)
                    body.Grow();
            }
            return body;
        }
        catch
        {
            body.Dispose();
            throw;
        }
    }

    public void Dispose()
    {
        ArrayPool<byte>.Shared.Return(_buffer);
        _buffer = [];
        _length = 0;
    }

    private void Grow()
    {
        var larger = ArrayPool<byte>.Shared.Rent(_buffer.Length * 2);
        _buffer.AsSpan(0, _length).CopyTo(larger);
        ArrayPool<byte>.Shared.Return(_buffer);
        _buffer = larger;
    }
}
