using System.Globalization;
using Quota.Shared.Hosting;

namespace Quota.Billing.Ingest;

/// <summary>Settings under <c>Ingest</c>: how much may be on its way into the database at once.</summary>
internal sealed class IngestOptions
{
    /// <summary>Most events of one batch.</summary>
    public const int MaxEvents = 10_000;

    /// <summary>Batches stored at the same time; 1 to 256, 8 by default. Each holds a connection and its decompressed body.</summary>
    public int MaxConcurrent { get; private set; } = 8;

    /// <summary>Batches that wait for their turn; 0 to 10,000, 64 by default. More are answered with 429.</summary>
    public int MaxQueued { get; private set; } = 64;

    /// <summary>Largest batch after decompression; 1 KB to 1 GB, 32 MB by default.</summary>
    public long MaxBodyBytes { get; private set; } = 32 * 1024 * 1024;

    /// <summary>
    /// Whether events keep the provider's own usage object, for disputes with vendors; off by default. The counts are taken from it by the
    /// gateway, and it makes an event half as large again.
    /// </summary>
    public bool KeepUsageRaw { get; private set; }

    /// <summary>
    /// Whole months that events are kept beside the running one; 1 to 1,200, for ever when absent. Older months are dropped once nothing is
    /// computed from them any more; rollups go on to tell what was used.
    /// </summary>
    public int? KeepMonths { get; private set; }

    public static IngestOptions Read(IConfiguration settings, SettingsReport report)
    {
        var options = new IngestOptions();
        options.MaxConcurrent = (int)Number(settings, report, "MaxConcurrent", options.MaxConcurrent, 1, 256);
        options.MaxQueued = (int)Number(settings, report, "MaxQueued", options.MaxQueued, 0, 10_000);
        options.MaxBodyBytes = Number(settings, report, "MaxBodyBytes", options.MaxBodyBytes, 1024, 1L << 30);
        if (settings["Ingest:KeepMonths"] is { Length: > 0 })
            options.KeepMonths = (int)Number(settings, report, "KeepMonths", 1_200, 1, 1_200);
        if (settings["Ingest:KeepUsageRaw"] is { Length: > 0 } keeps)
        {
            if (bool.TryParse(keeps, out var value))
                options.KeepUsageRaw = value;
            else
                report.Add("Ingest__KeepUsageRaw", $"'{keeps}' must be true or false");
        }
        return options;
    }

    private static long Number(IConfiguration settings, SettingsReport report, string name, long absent, long min, long max)
    {
        if (settings[$"Ingest:{name}"] is not { Length: > 0 } text)
            return absent;
        if (long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var value) && value >= min && value <= max)
            return value;
        report.Add($"Ingest__{name}", $"'{text}' must be a whole number from {min} to {max}");
        return absent;
    }
}
