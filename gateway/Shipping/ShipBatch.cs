using System.Buffers.Text;

namespace Quota.Gateway.Shipping;

/// <summary>Events and annotations as their spooled bytes, in spool order.</summary>
internal sealed record ShipBatch(IReadOnlyList<byte[]> Events, IReadOnlyList<byte[]> Settled)
{
    public static readonly ShipBatch Empty = new([], []);

    public bool IsEmpty => Events.Count == 0 && Settled.Count == 0;

    /// <summary>Whether it can be halved.</summary>
    public bool IsSingle => Events.Count + Settled.Count <= 1;

    /// <summary>Two batches of at least one item each, annotations never before their event.</summary>
    public (ShipBatch First, ShipBatch Second) Halves()
    {
        if (Events.Count < 2)
            return Events.Count == 1 ? (this with { Settled = [] }, this with { Events = [] }) : (Part([], Settled, 0, Settled.Count / 2), Part([], Settled, Settled.Count / 2, Settled.Count));
        var half = Events.Count / 2;
        return (Part(Events, [], 0, half), Part(Events, Settled, half, Events.Count));

        static ShipBatch Part(IReadOnlyList<byte[]> events, IReadOnlyList<byte[]> settled, int from, int to) =>
            events.Count > 0 ? new([.. events.Take(to).Skip(from)], settled) : new([], [.. settled.Take(to).Skip(from)]);
    }

    /// <summary>The id that an event or an annotation of ours begins with; it is not parsed for that.</summary>
    public static Guid IdOf(ReadOnlySpan<byte> json) =>
        json.StartsWith("{\"id\":\""u8) && json.Length > 43 && Utf8Parser.TryParse(json.Slice(7, 36), out Guid id, out var length) && length == 36
            ? id : throw new InvalidDataException("a spooled record does not begin with its id");
}
