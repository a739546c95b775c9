using Quota.Gateway.Spool;
using Quota.Shared.Usage;

namespace Quota.Gateway.Shipping;

/// <summary>Appends events to a file, one JSON object a line, fsynced before they count as stored. A repeat may write a line twice: same id, same bytes.</summary>
internal sealed class FileSink(ShippingOptions options, SpoolOptions spool) : IEventSink
{
    public string Name => "file";

    public async Task<ShipReply> SendAsync(ShipBatch batch, CancellationToken cancellation)
    {
        await LineFile.AppendAsync(options.Path ?? Path.Combine(spool.Directory, "events.jsonl"), EventLines.Of(batch), ownerOnly: false, cancellation);
        return EventLines.Accepted(batch);
    }
}

/// <summary>Writes events to standard output, one JSON object a line.</summary>
internal sealed class StdoutSink : IEventSink
{
    public string Name => "stdout";

    public async Task<ShipReply> SendAsync(ShipBatch batch, CancellationToken cancellation)
    {
        await using var output = Console.OpenStandardOutput();
        await output.WriteAsync(EventLines.Of(batch), cancellation);
        await output.FlushAsync(cancellation);
        return EventLines.Accepted(batch);
    }
}

/// <summary>Events as lines.</summary>
internal static class EventLines
{
    public static ReadOnlyMemory<byte> Of(ShipBatch batch)
    {
        var lines = new MemoryStream(batch.Events.Sum(line => line.Length + 1));
        foreach (var line in batch.Events)
        {
            lines.Write(line);
            lines.WriteByte((byte)'\n');
        }
        return lines.GetBuffer().AsMemory(0, (int)lines.Length);
    }

    public static ShipReply Accepted(ShipBatch batch) => new ShipReply.Stored([.. batch.Events.Select(line => new ShipResult(ShipBatch.IdOf(line), ShipStatus.Accepted, null))]);
}
