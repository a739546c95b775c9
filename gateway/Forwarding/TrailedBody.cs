using System.Net.Http.Headers;
using System.Text;

namespace Quota.Gateway.Forwarding;

/// <summary>
/// An answer's body in chunks of our own (RFC 9112, 7.1), because Kestrel's have no trailers in HTTP/1.1. Only where the upstream announced them
/// with <c>Trailer</c>: the answer's head has gone out when they come.
/// </summary>
internal sealed class TrailedBody(Stream client) : Stream
{
    private static readonly byte[] LineEnd = "\r\n"u8.ToArray();

    /// <summary>Takes the place of the answer's body, where one is needed.</summary>
    public static void Begin(HttpContext context, HttpResponseMessage answer)
    {
        if (!answer.Headers.NonValidated.Contains("Trailer") || answer.Headers.TransferEncodingChunked != true && answer.Version.Major < 2 || !HttpProtocol.IsHttp11(context.Request.Protocol)
            || HttpMethods.IsHead(context.Request.Method) || (int)answer.StatusCode is 204 or 205 or 304)
            return;
        context.Response.Headers.ContentLength = null;
        context.Response.Headers.TransferEncoding = "chunked";
        context.Response.Body = new TrailedBody(context.Response.Body);
    }

    /// <summary>The last chunk, and the trailers that pass.</summary>
    public ValueTask EndAsync(HttpResponseHeaders trailers)
    {
        var text = new StringBuilder("0\r\n");
        foreach (var (name, values) in trailers.NonValidated)
        {
            foreach (var value in HeaderHygiene.Returns(name) ? values : default)
                text.Append(name).Append(": ").Append(value).Append("\r\n");
        }
        return client.WriteAsync(Encoding.Latin1.GetBytes(text.Append("\r\n").ToString()));
    }

    public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        if (buffer.IsEmpty)
            return;   // an empty chunk is the last one
        await client.WriteAsync(Encoding.ASCII.GetBytes(buffer.Length.ToString("x", CultureInfo.InvariantCulture) + "\r\n"), cancellationToken);
        await client.WriteAsync(buffer, cancellationToken);
        await client.WriteAsync(LineEnd, cancellationToken);
    }

    public override bool CanRead => false;
    public override bool CanSeek => false;
    public override bool CanWrite => true;
    public override long Length => throw new NotSupportedException();
    public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }
    public override Task WriteAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) => WriteAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();
    public override Task FlushAsync(CancellationToken cancellationToken) => client.FlushAsync(cancellationToken);
    public override void Flush() => throw new NotSupportedException("answers are written asynchronously");
    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException("answers are written asynchronously");
    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();
    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();
    public override void SetLength(long value) => throw new NotSupportedException();
}
