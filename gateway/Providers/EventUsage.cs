using System.Buffers;
using Quota.Gateway.Providers.Framing;
using Quota.Gateway.Providers.Tokens;

namespace Quota.Gateway.Providers;

/// <summary>How far an answer is that comes as events.</summary>
internal interface IEventProgress
{
    long TextBytes { get; }

    long TextEvents { get; }
}

/// <summary>Usage of an answer that comes as events. What an event says is the provider's grammar; stepping over one and taking it back is the same for all.</summary>
internal abstract class EventUsage<TProgress> : UsageReader
    where TProgress : struct, IEventProgress
{
    private TProgress _before;

    /// <param name="framing">Makes the reader of the framing that the events come in.</param>
    protected EventUsage(Func<EventReader.OnEvent, EventReader> framing) => Events = framing(OnEvent);

    /// <summary>How far the answer is, the event in progress left out.</summary>
    protected TProgress Now;

    protected EventReader Events { get; }

    /// <summary>Takes the generated text; null when nobody will count it.</summary>
    protected KeptText? Text { get; private set; }

    public override long OutputBytes => Now.TextBytes + Events.UnreadBytes;

    public override long TextEvents => Now.TextEvents;

    public override void Feed(ReadOnlySpan<byte> data, IBufferWriter<byte>? kept)
    {
        while (!data.IsEmpty)
        {
            var taken = TakeKnown(data, kept);
            if (taken == 0)
                Events.Feed(data, kept, out taken);
            data = data[taken..];
        }
    }

    public override EventStep Next(ReadOnlySpan<byte> data, IBufferWriter<byte> kept, out int taken)
    {
        Mark();
        return Events.Next(data, kept, out taken);
    }

    public override EventStep End(IBufferWriter<byte>? kept)
    {
        Mark();
        return Events.End(kept);
    }

    public override bool TakeBack()
    {
        if (!Events.TakeBack())
            return false;
        Now = _before;
        Text?.TakeBack();
        return true;
    }

    public override KeptText? KeepTextOf(string model) => Text = KeptText.For(model);

    /// <summary>Takes what the grammar knows without looking for its end: whole events, or the end of one that came in two pieces.</summary>
    private int TakeKnown(ReadOnlySpan<byte> data, IBufferWriter<byte>? kept)
    {
        if (Events.IsBetween)
        {
            var run = TakeRun(data);
            if (run > 0)
                kept?.Write(data[..run]);
            return run;
        }
        var joined = Events.JoinedWith(data);
        return joined.IsEmpty || TakeRun(joined) is not (> 0 and var length) ? 0 : Events.TookJoined(length, kept);
    }

    private void Mark()
    {
        _before = Now;
        Text?.Mark();
    }

    /// <summary>
    /// Takes whole events that <paramref name="data"/> begins with, as far as it knows them without looking for their ends, and that the client may see;
    /// answers how many bytes. Only where an event begins, in a framing that allows it (<see cref="EventReader.IsBetween"/>).
    /// </summary>
    protected virtual int TakeRun(ReadOnlySpan<byte> data) => 0;

    /// <summary>Gets an event; answers whether the client may see it.</summary>
    protected abstract bool OnEvent(EventPiece piece);
}
