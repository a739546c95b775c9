using Quota.Shared.Hosting;

namespace Quota.Gateway.Forwarding;

/// <summary>Settings of calls to upstreams.</summary>
internal sealed record ForwardingOptions
{
    /// <summary><c>Upstream__Timeout</c>, 1 s to 1 h, default 600 s: an upstream that sends nothing for this long is given up.</summary>
    public required TimeSpan Timeout { get; init; }

    /// <summary><c>Upstream__ConnectTimeout</c>, 100 ms to 1 min, default 10 s.</summary>
    public required TimeSpan ConnectTimeout { get; init; }

    /// <summary><c>Upstream__DrainTime</c>, 0 s to 10 min, default 30 s: how long the event of a call whose client has gone waits for the provider's numbers.</summary>
    public TimeSpan DrainTime { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary><c>Upstream__TruthTime</c>, 0 s to 1 h, default 5 min: how long such an answer is read on for; numbers that come after the event correct it.</summary>
    public TimeSpan TruthTime { get; init; } = TimeSpan.FromMinutes(5);

    /// <summary><c>Upstream__MaxDrains</c>, 0 to 100,000, default 1,000: so many at once; beyond it the upstream is aborted with its client.</summary>
    public int MaxDrains { get; init; } = 1_000;

    /// <summary><c>Limits__MaxUploadBytes</c>, 1 KiB to 1 GiB, default 32 MiB: the largest request body with a file in it.</summary>
    public long MaxUploadBytes { get; init; } = 32 << 20;

    public static ForwardingOptions Read(Settings settings) => new()
    {
        Timeout = settings.Duration("Upstream__Timeout", TimeSpan.FromSeconds(600), TimeSpan.FromSeconds(1), TimeSpan.FromHours(1)),
        DrainTime = settings.Duration("Upstream__DrainTime", TimeSpan.FromSeconds(30), TimeSpan.Zero, TimeSpan.FromMinutes(10)),
        TruthTime = settings.Duration("Upstream__TruthTime", TimeSpan.FromMinutes(5), TimeSpan.Zero, TimeSpan.FromHours(1)),
        MaxDrains = (int)settings.Number("Upstream__MaxDrains", 1_000, 0, 100_000),
        MaxUploadBytes = settings.Number("Limits__MaxUploadBytes", 32 << 20, 1 << 10, 1 << 30),
        ConnectTimeout = settings.Duration("Upstream__ConnectTimeout", TimeSpan.FromSeconds(10), TimeSpan.FromMilliseconds(100), TimeSpan.FromMinutes(1)),
    };
}
