using System.Collections.Concurrent;
using System.IO.Compression;
using System.Net.Http.Headers;

namespace Quota.Gateway.Shipping;

/// <summary>
/// A batch as a compressed request. The records go from the spool's bytes straight into the compressor, whose buffer is used again for later
/// batches, so that there are never more than batches in flight.
/// </summary>
internal sealed class BatchBody
{
    private static readonly ConcurrentBag<MemoryStream> Spare = [];

    private readonly MemoryStream _bytes;

    /// <param name="contentType">Of what is compressed.</param>
    /// <param name="write">Writes it.</param>
    public BatchBody(string contentType, Action<Stream> write)
    {
        _bytes = Spare.TryTake(out var spare) ? spare : new MemoryStream(64 * 1024);
        using (var gzip = new GZipStream(_bytes, CompressionLevel.Fastest, leaveOpen: true))
            write(gzip);
        Content = new ByteArrayContent(_bytes.GetBuffer(), 0, (int)_bytes.Length);
        Content.Headers.ContentType = new MediaTypeHeaderValue(contentType);
        Content.Headers.ContentEncoding.Add("gzip");
    }

    public ByteArrayContent Content { get; }

    /// <summary>Gives the buffer back: the whole of it was read, since it was answered as stored. Else it is left, because a connection may still be writing it.</summary>
    public void WasRead()
    {
        _bytes.SetLength(0);
        Spare.Add(_bytes);
    }

    public static void Join(Stream body, IReadOnlyList<byte[]> items, byte separator)
    {
        for (var i = 0; i < items.Count; i++)
        {
            if (i > 0)
                body.WriteByte(separator);
            body.Write(items[i]);
        }
    }
}
