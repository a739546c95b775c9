using System.Buffers;

namespace Quota.Billing.Ingest;

/// <summary>A request's body, decompressed, in a pooled buffer that goes back when the request ends. What was read of it must not outlive that.</summary>
internal sealed class RequestBytes : IDisposable
{
    private byte[] _buffer;
    private int _length;

    private RequestBytes(int capacity) => _buffer = ArrayPool<byte>.Shared.Rent(capacity);

    public ReadOnlyMemory<byte> Memory => _buffer.AsMemory(0, _length);

    /// <exception cref="BadHttpRequestException">Larger than the route allows, or a broken gzip stream.</exception>
    public static async Task<RequestBytes> ReadAsync(HttpContext context, long most)
    {
        var declared = context.Request.ContentLength is { } length && length <= most ? (int)length + 1 : 64 * 1024;
        var bytes = new RequestBytes(declared);
        try
        {
            int read;
            while ((read = await context.Request.Body.ReadAsync(bytes.Room(), context.RequestAborted)) > 0)
            {
                bytes._length += read;
                if (bytes._length > most)
                    throw new BadHttpRequestException("the body is too large", StatusCodes.Status413PayloadTooLarge);
            }
            return bytes;
        }
        catch (InvalidDataException broken)
        {
            bytes.Dispose();
            throw new BadHttpRequestException($"the body is not usable: {broken.Message}", broken);
        }
        catch
        {
            bytes.Dispose();
            throw;
        }
    }

    public void Dispose()
    {
        ArrayPool<byte>.Shared.Return(_buffer);
        _buffer = [];
    }

    private Memory<byte> Room()
    {
        if (_length == _buffer.Length)
        {
            var larger = ArrayPool<byte>.Shared.Rent(2 * _length);
            _buffer.AsSpan(0, _length).CopyTo(larger);
            ArrayPool<byte>.Shared.Return(_buffer);
            _buffer = larger;
        }
        return _buffer.AsMemory(_length);
    }
}
