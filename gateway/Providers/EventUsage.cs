using System.Buffers;

namespace Quota.Gateway.Providers;

/// <summary>How far an answer is that comes as events.</summary>
internal interface IEventProgress
{
    long TextBytes { get; }

    long TextEvents { get; }
}

/// <summary>Usage of an answer that comes as server-sent events. What an event says is the provider's grammar; stepping over one and taking it back is the same for all.</summary>
internal abstract class EventUsage<TProgress> : UsageReader
    where TProgress : struct, IEventProgress
{
    private TProgress _before;

    protected EventUsage() => Events = new SseEventReader(OnEvent);

    /// <summary>How far the answer is, the event in progress left out.</summary>
    protected TProgress Now;

    protected SseEventReader Events { get; }

    public override long OutputBytes => Now.TextBytes + Events.UnreadBytes;

    public override long TextEvents => Now.TextEvents;

    public override void Feed(ReadOnlySpan<byte> data, IBufferWriter<byte>? kept) => Events.Feed(data, kept);

    public override EventStep Next(ReadOnlySpan<byte> data, IBufferWriter<byte> kept, out int taken)
    {
        _before = Now;
        return Events.Next(data, kept, out taken);
    }

    public override EventStep End(IBufferWriter<byte>? kept)
    {
        _before = Now;
        return Events.End(kept);
    }

    public override bool TakeBack()
    {
        if (Events.WasPartlyOut)
            return false;
        Now = _before;
        return true;
    }

    /// <summary>Gets an event's data; answers whether the client may see the event.</summary>
    protected abstract bool OnEvent(ReadOnlySpan<byte> data);
}
