using Quota.Gateway.Providers;

namespace Quota.Gateway.Forwarding;

/// <summary>A client's body passed on while it arrives, up to a bound.</summary>
/// <param name="passed">Told how many bytes it was so far, before they go: an answer may end the call at any time after.</param>
internal sealed class PassedStream(Stream client, long most, Action<long> passed) : SentStream
{
    public override bool CanRead => true;
    public override long Length => throw new NotSupportedException();

    /// <exception cref="BadHttpRequestException">It is larger than allowed: the upstream's request breaks off.</exception>
    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        var count = await client.ReadAsync(buffer, cancellationToken);
        WasReadWhole |= count == 0 && buffer.Length > 0;
        if ((Taken += count) > most)
            throw new BadHttpRequestException($"The body is larger than {most} bytes.", StatusCodes.Status413PayloadTooLarge);
        passed(Taken);
        return count;
    }

    public override int Read(Span<byte> buffer) => throw new NotSupportedException("bodies are read asynchronously");
}
