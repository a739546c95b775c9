using System.Diagnostics;
using System.Globalization;
using Quota.TestKit;

namespace Quota.Benchmarks;

/// <summary>Something that answers chat calls, and what it has used so far.</summary>
/// <param name="Metrics">Where its metrics are, when it has any.</param>
internal sealed record Target(string Name, int Port, string Key, IReadOnlyList<CaptiveProcess> Processes, string? Metrics = null)
{
    private const string Allocated = "dotnet_gc_heap_total_allocated_bytes_total";
    private static readonly HttpClient Http = new();

    /// <summary>User and system time of its processes.</summary>
    public TimeSpan Cpu() => TimeSpan.FromTicks(Processes.Sum(process =>
    {
        using var it = Process.GetProcessById(process.Pid);
        return it.TotalProcessorTime.Ticks;
    }));

    /// <summary>Bytes it has allocated, or null when it does not say.</summary>
    public async Task<double?> AllocatedAsync()
    {
        if (Metrics is null)
            return null;
        var line = (await Http.GetStringAsync(Metrics)).Split('\n').FirstOrDefault(line => line.StartsWith(Allocated, StringComparison.Ordinal));
        // Name{labels} value [timestamp]
        return line is null ? null : double.Parse(line[(line.LastIndexOf('}') + 1)..].Replace(Allocated, "").Trim().Split(' ')[0], CultureInfo.InvariantCulture);
    }
}
