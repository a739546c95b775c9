using Quota.Shared.Hosting;

namespace Quota.Gateway.Shipping;

/// <summary>Settings of sending events on.</summary>
internal sealed record ShippingOptions
{
    /// <summary><c>Events__Sink</c>: <c>core</c> (default with a control plane), <c>file</c> (default without), <c>stdout</c>.</summary>
    public required string Sink { get; init; }

    /// <summary><c>Events__Path</c>: the file of the <c>file</c> sink; default <c>events.jsonl</c> in the spool's folder.</summary>
    public required string? Path { get; init; }

    /// <summary><c>Events__BatchSize</c>, 1 to 10,000, default 500.</summary>
    public required int BatchSize { get; init; }

    /// <summary>A batch is sent when it reaches this many bytes.</summary>
    public int BatchBytes { get; init; } = 4 << 20;

    /// <summary>How long an idle shipper waits before it looks again.</summary>
    public TimeSpan IdleWait { get; init; } = TimeSpan.FromMilliseconds(50);

    /// <summary><c>Events__DrainTime</c>, 0 s to 5 min, default 5 s: how long a stopping gateway goes on shipping; the rest stays in the spool.</summary>
    public required TimeSpan DrainTime { get; init; }

    public static ShippingOptions Read(Settings settings, bool hasCore)
    {
        var sink = hasCore ? settings.Choice("Events__Sink", "core", "file", "stdout") : settings.Choice("Events__Sink", "file", "stdout");
        return new ShippingOptions
        {
            Sink = sink,
            Path = settings.Text("Events__Path"),
            BatchSize = (int)settings.Number("Events__BatchSize", 500, 1, 10_000),
            DrainTime = settings.Duration("Events__DrainTime", TimeSpan.FromSeconds(5), TimeSpan.Zero, TimeSpan.FromMinutes(5)),
        };
    }
}
