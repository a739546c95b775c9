using Quota.Shared.Hosting;

namespace Quota.Gateway.Forwarding;

/// <summary>Settings of calls to upstreams.</summary>
internal sealed record ForwardingOptions
{
    /// <summary><c>Upstream__Timeout</c>, 1 s to 1 h, default 600 s: an upstream that sends nothing for this long is given up.</summary>
    public required TimeSpan Timeout { get; init; }

    /// <summary><c>Upstream__ConnectTimeout</c>, 100 ms to 1 min, default 10 s.</summary>
    public required TimeSpan ConnectTimeout { get; init; }

    public static ForwardingOptions Read(Settings settings) => new()
    {
        Timeout = settings.Duration("Upstream__Timeout", TimeSpan.FromSeconds(600), TimeSpan.FromSeconds(1), TimeSpan.FromHours(1)),
        ConnectTimeout = settings.Duration("Upstream__ConnectTimeout", TimeSpan.FromSeconds(10), TimeSpan.FromMilliseconds(100), TimeSpan.FromMinutes(1)),
    };
}
