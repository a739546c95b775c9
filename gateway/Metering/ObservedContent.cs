using System.Net;

namespace Quota.Gateway.Metering;

/// <summary>An upstream's content whose stream is watched while it is copied to the client.</summary>
internal sealed class ObservedContent : HttpContent
{
    private readonly HttpContent _upstream;
    private readonly Func<Stream, Stream> _observe;

    public ObservedContent(HttpContent upstream, Func<Stream, Stream> observe) => (_upstream, _observe) = (upstream, observe);

    protected override async Task<Stream> CreateContentReadStreamAsync() => _observe(await _upstream.ReadAsStreamAsync());

    protected override async Task<Stream> CreateContentReadStreamAsync(CancellationToken cancellationToken) =>
        _observe(await _upstream.ReadAsStreamAsync(cancellationToken));

    protected override Task SerializeToStreamAsync(Stream stream, TransportContext? context) => throw new NotSupportedException("the answer is streamed, never buffered");

    protected override bool TryComputeLength(out long length)
    {
        length = 0;
        return false;
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing)
            _upstream.Dispose();
        base.Dispose(disposing);
    }
}
