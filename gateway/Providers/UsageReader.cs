using System.Buffers;
using Quota.Gateway.Providers.Tokens;
using Quota.Shared.Usage;

namespace Quota.Gateway.Providers;

/// <summary>
/// Reads usage out of an answer as it passes, in pieces of any size, with bounded memory. It never throws on what an upstream sends:
/// what it cannot read is simply not reported, and the call is then estimated.
/// </summary>
internal abstract class UsageReader
{
    /// <summary>Usage in the provider's own numbers, normalised; null until it came.</summary>
    public UsageCounts? Usage { get; protected set; }

    /// <summary>All input as the provider told it before the answer was whole; null when it did not. Its <c>OutputTokens</c> says nothing.</summary>
    public UsageCounts? InputKnown { get; protected set; }

    /// <summary>The provider's usage object, verbatim JSON; null until it came.</summary>
    public byte[]? UsageRaw { get; protected set; }

    /// <summary>The model that the provider says it used.</summary>
    public string? ResponseModel { get; protected set; }

    /// <summary>The service tier that the provider says it answered at.</summary>
    public string? ServiceTier { get; protected set; }

    /// <summary>What the provider itself says that the call cost, in US dollars; null when it does not say.</summary>
    public decimal? ProviderCost { get; protected set; }

    /// <summary>Bytes of generated text that passed, over all choices. Never fewer than tokens, since every token covers a byte or more.</summary>
    public abstract long OutputBytes { get; }

    /// <summary>Events that carried generated text: each holds a token at least.</summary>
    public virtual long TextEvents => 0;

    /// <summary>The answer is whole by its own grammar; what follows it changes nothing.</summary>
    public bool IsComplete { get; protected set; }

    /// <summary>Keeps the generated text from now on, for an estimate; null where it is not kept, or could not be counted.</summary>
    public virtual KeptText? KeepTextOf(string model) => null;

    /// <summary>Sees the answer's headers, before its first byte: some providers tell usage there.</summary>
    public virtual void Answered(System.Net.Http.Headers.HttpResponseHeaders headers)
    {
    }

    /// <summary>
    /// Sees the next bytes. When <paramref name="kept"/> is given, whole events that may go to the client are written there, without what
    /// must stay hidden; otherwise all of it goes, and goes at once.
    /// </summary>
    public abstract void Feed(ReadOnlySpan<byte> data, IBufferWriter<byte>? kept);

    /// <summary>
    /// As <see cref="Feed"/>, but no further than to the end of the next event, so that it can be decided about before the next. An answer
    /// that is not made of events passes whole.
    /// </summary>
    public virtual EventStep Next(ReadOnlySpan<byte> data, IBufferWriter<byte> kept, out int taken)
    {
        Feed(data, kept);
        taken = data.Length;
        return EventStep.More;
    }

    /// <summary>The upstream ended: what was still held back is handed out. <see cref="EventStep.Whole"/> when that was an event.</summary>
    public virtual EventStep End(IBufferWriter<byte>? kept) => EventStep.More;

    /// <summary>
    /// The event that <see cref="Next"/> or <see cref="End"/> just stepped over will not be handed out: its text does not count. False
    /// when the client has a part of it already, so that it must go out whole.
    /// </summary>
    public virtual bool TakeBack() => false;

    /// <summary>Writes what makes the answer, cut after the last event, end well-formed in the provider's grammar.</summary>
    /// <param name="counted">What the call is counted as, for a client that asked to be told.</param>
    public virtual void WriteEnding(IBufferWriter<byte> output, UsageCounts counted)
    {
    }
}

/// <summary>How far a step through a stream of events came.</summary>
internal enum EventStep
{
    /// <summary>All bytes are seen; the event in progress has not ended.</summary>
    More,

    /// <summary>An event ended.</summary>
    Whole,

    /// <summary>The event in progress is larger than may be held back; nothing of it was handed out.</summary>
    TooLong,
}
