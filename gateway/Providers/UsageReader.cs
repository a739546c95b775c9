using System.Buffers;
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

    /// <summary>The provider's usage object, verbatim JSON; null until it came.</summary>
    public byte[]? UsageRaw { get; protected set; }

    /// <summary>The model that the provider says it used.</summary>
    public string? ResponseModel { get; protected set; }

    /// <summary>Bytes of generated text that passed, for an estimate.</summary>
    public long OutputBytes { get; protected set; }

    /// <summary>The answer is whole by its own grammar; what follows it changes nothing.</summary>
    public bool IsComplete { get; protected set; }

    /// <summary>
    /// Sees the next bytes. When <paramref name="kept"/> is given, what may go to the client is written there, without what must stay
    /// hidden; otherwise all of it may go.
    /// </summary>
    public abstract void Feed(ReadOnlySpan<byte> data, IBufferWriter<byte>? kept);

    /// <summary>The upstream ended: hands out what was still held back.</summary>
    public virtual void End(IBufferWriter<byte>? kept)
    {
    }
}
