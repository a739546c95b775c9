namespace Quota.Billing.Ingest;

/// <summary>Reads the plain events of a batch, each in the pass that finds where it ends.</summary>
internal sealed class PlainEvents(GatewayProperties properties)
{
    private readonly BatchTexts _texts = new();

    /// <summary>As many elements of an array as are plain, one after another.</summary>
    /// <param name="array">From where an element begins, or from the comma before it.</param>
    /// <returns>How many bytes they are, with the commas between them and before the first.</returns>
    public int Read(ReadOnlyMemory<byte> array, bool isFirst, List<GatewayEventOutcome> into)
    {
        var bytes = array.Span;
        var at = 0;
        while (true)
        {
            var start = isFirst ? 0 : at + 1;
            if ((!isFirst && (at >= bytes.Length || bytes[at] != ',')) || !PlainEvent.TryRead(bytes[start..], out var plain))
                return at;
            into.Add(GatewayEvent.Of(plain, array.Slice(start, plain.Length), properties, _texts));
            (at, isFirst) = (start + plain.Length, false);
        }
    }
}
