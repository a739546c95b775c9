using Quota.Shared.Hosting;

namespace Quota.Gateway.Spool;

/// <summary>Settings of the durable local log.</summary>
internal sealed record SpoolOptions
{
    private const long MostSegmentBytes = 64 << 20;

    /// <summary><c>Spool__Directory</c>, default <c>spool</c>: this gateway's own folder. A new empty folder is a new identity.</summary>
    public required string Directory { get; init; }

    /// <summary><c>Spool__MaxBytes</c>, 16 MiB to 1 TiB, default 1 GiB. A full spool refuses metered calls; it never drops a record.</summary>
    public required long MaxBytes { get; init; }

    /// <summary>
    /// <c>Spool__Durability</c>. <c>flush</c> (default): records reach the kernel before the answer goes on, fsync in groups: exact after
    /// kill -9, and after a power loss but for the last few milliseconds. <c>sync</c>: fsync first, exact after a power loss too.
    /// </summary>
    public required bool Sync { get; init; }

    /// <summary>A segment is closed at this size, an eighth of all at most: what is shipped is deleted by whole segments, and never the one that is written.</summary>
    public long SegmentBytes { get; init; } = MostSegmentBytes;

    /// <summary>At most this long between a write and its fsync. Zero: somebody else sees to it (tests).</summary>
    public TimeSpan FlushInterval { get; init; } = TimeSpan.FromMilliseconds(5);

    public static SpoolOptions Read(Settings settings)
    {
        var mostBytes = settings.Number("Spool__MaxBytes", 1L << 30, 16 << 20, 1L << 40);
        var options = new SpoolOptions
        {
            Directory = Path.GetFullPath(settings.Text("Spool__Directory") ?? "spool"),
            MaxBytes = mostBytes,
            SegmentBytes = Math.Min(MostSegmentBytes, mostBytes / 8),
            Sync = settings.Choice("Spool__Durability", "flush", "sync") == "sync",
        };
        try
        {
            System.IO.Directory.CreateDirectory(options.Directory);
        }
        catch (Exception problem) when (problem is IOException or UnauthorizedAccessException)
        {
            settings.Report.Add("Spool__Directory", $"'{options.Directory}' cannot be made: {problem.Message}");
        }
        return options;
    }
}
