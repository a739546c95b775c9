using Quota.Shared.Usage;

namespace Quota.Gateway.Shipping;

/// <summary>Where usage events go. Called with one batch at a time until it succeeds; a repeat may send what was stored already.</summary>
internal interface IEventSink
{
    /// <summary>The word in <c>Events__Sink</c>.</summary>
    string Name { get; }

    /// <summary>Returns when every event of the batch is stored for good, or is known never to be.</summary>
    /// <exception cref="HttpRequestException">Not stored, or unknown: send it again.</exception>
    /// <exception cref="IOException">The same.</exception>
    Task<IReadOnlyList<ShipResult>> SendAsync(ShipBatch batch, CancellationToken cancellation);
}

/// <summary>Events and annotations as their spooled bytes, in spool order.</summary>
internal sealed record ShipBatch(IReadOnlyList<byte[]> Events, IReadOnlyList<byte[]> Settled)
{
    public bool IsEmpty => Events.Count == 0 && Settled.Count == 0;
}
