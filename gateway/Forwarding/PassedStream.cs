using Microsoft.AspNetCore.Http.Features;
using Quota.Gateway.Providers;

namespace Quota.Gateway.Forwarding;

/// <summary>A client's body passed on while it arrives, up to a bound.</summary>
/// <remarks>How many bytes it was so far is told before they go: an answer may end the call at any time after.</remarks>
internal sealed class PassedStream : SentStream
{
    private readonly Stream _client;
    private readonly long _most;
    private readonly Action<long> _passed;

    public PassedStream(HttpContext context, long most, Action<long> passed)
    {
        (_client, _most, _passed) = (context.Request.Body, most, passed);
        WasReadWhole = context.Features.Get<IHttpRequestBodyDetectionFeature>() is { CanHaveBody: false };   // nobody reads what is not there
    }

    public override bool CanRead => true;
    public override long Length => throw new NotSupportedException();

    /// <exception cref="BadHttpRequestException">It is larger than allowed: the upstream's request breaks off.</exception>
    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        var count = await _client.ReadAsync(buffer, cancellationToken);
        WasReadWhole |= count == 0 && buffer.Length > 0;
        if ((Taken += count) > _most)
            throw new BadHttpRequestException($"The body is larger than {_most} bytes.", StatusCodes.Status413PayloadTooLarge);
        _passed(Taken);
        return count;
    }

    public override int Read(Span<byte> buffer) => throw new NotSupportedException("bodies are read asynchronously");
}
