using Quota.Gateway.Spool;
using Quota.Shared.Usage;

namespace Quota.Gateway.Shipping;

/// <summary>Appends events to a file, one JSON object a line, fsynced before they count as stored. A repeat may write a line twice: same id, same bytes.</summary>
internal sealed class FileSink(ShippingOptions options, SpoolOptions spool) : IEventSink
{
    public string Name => "file";

    public async Task<IReadOnlyList<ShipResult>> SendAsync(ShipBatch batch, CancellationToken cancellation)
    {
        await using var file = new FileStream(options.Path ?? Path.Combine(spool.Directory, "events.jsonl"), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.Read);
        await EndLastLineAsync(file, cancellation);
        await EventLines.WriteAsync(file, batch, cancellation);
        file.Flush(flushToDisk: true);
        return EventLines.Accepted(batch);
    }

    /// <summary>Goes to the end; half a line that a crash or a full disk left there stays a line of its own and spoils no event.</summary>
    private static async Task EndLastLineAsync(FileStream file, CancellationToken cancellation)
    {
        if (file.Length == 0)
            return;
        file.Seek(-1, SeekOrigin.End);
        if (file.ReadByte() != '\n')
            await file.WriteAsync("\n"u8.ToArray(), cancellation);
    }
}

/// <summary>Writes events to standard output, one JSON object a line.</summary>
internal sealed class StdoutSink : IEventSink
{
    public string Name => "stdout";

    public async Task<IReadOnlyList<ShipResult>> SendAsync(ShipBatch batch, CancellationToken cancellation)
    {
        await using var output = Console.OpenStandardOutput();
        await EventLines.WriteAsync(output, batch, cancellation);
        await output.FlushAsync(cancellation);
        return EventLines.Accepted(batch);
    }
}

/// <summary>Events as lines.</summary>
internal static class EventLines
{
    public static async Task WriteAsync(Stream output, ShipBatch batch, CancellationToken cancellation)
    {
        using var lines = new MemoryStream();
        foreach (var line in batch.Events)
        {
            lines.Write(line);
            lines.WriteByte((byte)'\n');
        }
        await output.WriteAsync(lines.GetBuffer().AsMemory(0, (int)lines.Length), cancellation);
    }

    public static IReadOnlyList<ShipResult> Accepted(ShipBatch batch) =>
        [.. batch.Events.Select(_ => new ShipResult(Guid.Empty, ShipStatus.Accepted, null))];
}
