using Quota.Shared.Hosting;

namespace Quota.Gateway.Shipping;

/// <summary>Settings of sending events on.</summary>
internal sealed record ShippingOptions
{
    /// <summary>Confirmed batches that may wait for one before them, for each one in flight; then shipping waits, too.</summary>
    public const int MostAhead = 64;

    /// <summary><c>Events__Sink</c>: <c>core</c> (default with a control plane), <c>file</c> (default without), <c>stdout</c>, <c>http</c>.</summary>
    public required string Sink { get; init; }

    /// <summary><c>Events__Path</c>: the file of the <c>file</c> sink; default <c>events.jsonl</c> in the spool's folder.</summary>
    public required string? Path { get; init; }

    /// <summary><c>Events__Url</c>: where the <c>http</c> sink posts to.</summary>
    public Uri? Url { get; init; }

    /// <summary><c>Events__Token</c>: sent to it as a bearer token.</summary>
    public string? Token { get; init; }

    /// <summary><c>Events__Format</c> of the <c>http</c> sink: <c>ndjson</c> (default) or <c>json</c>, an array.</summary>
    public bool AsArray { get; init; }

    /// <summary><c>Events__BatchSize</c>, 1 to 10,000, default 1,000: a batch is sent when it has so many events.</summary>
    public required int BatchSize { get; init; }

    /// <summary>A batch is sent when it reaches this many bytes, before they are compressed.</summary>
    public int BatchBytes { get; init; } = 4 << 20;

    /// <summary><c>Events__BatchTime</c>, 0 s to 10 s, default 50 ms: so long a batch that is not full waits for company.</summary>
    public TimeSpan BatchTime { get; init; } = TimeSpan.FromMilliseconds(50);

    /// <summary><c>Events__InFlight</c>, 1 to 16, default 4: batches that are sent at once. A file and standard output take one after the other.</summary>
    public int InFlight { get; init; } = 1;

    /// <summary>How long an idle shipper waits before it looks again.</summary>
    public TimeSpan IdleWait { get; init; } = TimeSpan.FromMilliseconds(20);

    /// <summary>The pause before a batch is sent again: doubled each time, jittered, up to <see cref="LongestDelay"/>.</summary>
    public TimeSpan FirstDelay { get; init; } = TimeSpan.FromMilliseconds(100);

    public TimeSpan LongestDelay { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary><c>Events__DrainTime</c>, 0 s to 5 min, default 5 s: how long a stopping gateway goes on shipping; the rest stays in the spool.</summary>
    public required TimeSpan DrainTime { get; init; }

    public static ShippingOptions Read(Settings settings, bool hasCore)
    {
        var sink = hasCore ? settings.Choice("Events__Sink", "core", "file", "stdout", "http") : settings.Choice("Events__Sink", "file", "stdout", "http");
        var inFlight = (int)settings.Number("Events__InFlight", 4, 1, 16);
        var url = settings.Address("Events__Url");
        if (sink == "http" && settings.Text("Events__Url") is null)
            settings.Report.Add("Events__Url", "is missing, and Events__Sink is http; name the address that events are posted to");
        return new ShippingOptions
        {
            Sink = sink,
            Path = settings.Text("Events__Path"),
            Url = url,
            Token = settings.Text("Events__Token"),
            AsArray = settings.Choice("Events__Format", "ndjson", "json") == "json",
            BatchSize = (int)settings.Number("Events__BatchSize", 1_000, 1, 10_000),
            BatchTime = settings.Duration("Events__BatchTime", TimeSpan.FromMilliseconds(50), TimeSpan.Zero, TimeSpan.FromSeconds(10)),
            InFlight = sink is "file" or "stdout" ? 1 : inFlight,
            DrainTime = settings.Duration("Events__DrainTime", TimeSpan.FromSeconds(5), TimeSpan.Zero, TimeSpan.FromMinutes(5)),
        };
    }
}
