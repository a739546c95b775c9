using Quota.Shared.Hosting;

namespace Quota.Gateway.ControlPlane;

/// <summary>Where keys, limits and prices come from.</summary>
internal sealed record ControlPlaneOptions
{
    /// <summary><c>ControlPlane__Url</c>: the core. Unset: stand-alone, everything is in <c>quota.yaml</c>.</summary>
    public required Uri? Url { get; init; }

    /// <summary><c>ControlPlane__Token</c>: one of the core's <c>Gateways__Tokens</c>.</summary>
    public required string? Token { get; init; }

    /// <summary><c>ControlPlane__MaxStaleness</c>, 1 min to 30 days, default 24 h: with older news than this, keys are refused.</summary>
    public required TimeSpan MaxStaleness { get; init; }

    /// <summary><c>ControlPlane__PollInterval</c>, 100 ms to 1 min, default 1 s: how often the core is asked for changes.</summary>
    public required TimeSpan PollInterval { get; init; }

    /// <summary><c>Quota__File</c>, default <c>quota.yaml</c>: upstreams always; keys, limits and prices when stand-alone.</summary>
    public required string File { get; init; }

    public static ControlPlaneOptions Read(Settings settings)
    {
        var options = new ControlPlaneOptions
        {
            Url = settings.Address("ControlPlane__Url"),
            Token = settings.Text("ControlPlane__Token"),
            MaxStaleness = settings.Duration("ControlPlane__MaxStaleness", TimeSpan.FromHours(24), TimeSpan.FromMinutes(1), TimeSpan.FromDays(30)),
            PollInterval = settings.Duration("ControlPlane__PollInterval", TimeSpan.FromSeconds(1), TimeSpan.FromMilliseconds(100), TimeSpan.FromMinutes(1)),
            File = settings.Text("Quota__File") ?? "quota.yaml",
        };
        if (options.Url is not null && options.Token is null)
            settings.Report.Add("ControlPlane__Token", "is needed with ControlPlane__Url; use one of the core's Gateways__Tokens");
        return options;
    }
}
