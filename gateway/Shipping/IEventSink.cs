namespace Quota.Gateway.Shipping;

/// <summary>Where usage events go. A batch is sent until it is answered, so a repeat may send what was stored already.</summary>
internal interface IEventSink
{
    /// <summary>The word in <c>Events__Sink</c>.</summary>
    string Name { get; }

    /// <summary>Whether it takes more than events: annotations, and the watermark with a batch of nothing.</summary>
    bool TakesNotes => false;

    /// <summary>
    /// Answers <see cref="ShipReply.Stored"/> when every event of the batch is stored for good, or is known never to be. Any exception but that
    /// of the cancellation means unknown: send it again.
    /// </summary>
    Task<ShipReply> SendAsync(ShipBatch batch, CancellationToken cancellation);
}
