using System.Net;

namespace Quota.Gateway.Metering;

/// <summary>An upstream's content whose stream is watched while it is copied to the client.</summary>
internal sealed class ObservedContent(HttpContent upstream, CallMeter call, bool hidesUsage, ClientGone? gone) : HttpContent
{
    protected override async Task<Stream> CreateContentReadStreamAsync() => Observe(await upstream.ReadAsStreamAsync());

    protected override async Task<Stream> CreateContentReadStreamAsync(CancellationToken cancellationToken) =>
        Observe(await upstream.ReadAsStreamAsync(cancellationToken));

    protected override Task SerializeToStreamAsync(Stream stream, TransportContext? context) => throw new NotSupportedException("the answer is streamed, never buffered");

    protected override bool TryComputeLength(out long length)
    {
        length = 0;
        return false;
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing && gone?.Rest is null)
            upstream.Dispose();
        base.Dispose(disposing);
    }

    private UsageObservingStream Observe(Stream stream) => new(stream, call, upstream.Headers.ContentLength, hidesUsage, gone);
}
