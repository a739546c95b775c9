using System.Text.Json;
using Microsoft.Extensions.Logging.Abstractions;
using Quota.Gateway.Diagnostics;
using Quota.Gateway.Shipping;
using Quota.Gateway.Spool;
using Quota.Shared.Pricing;
using Quota.Shared.Usage;
using Quota.TestKit;

namespace Quota.Gateway.Tests.Shipping;

/// <summary>A spool, a shipper and a core, each of which can be stopped and started.</summary>
internal sealed class ShipScene : IAsyncDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("quota-ship-");
    private readonly HttpClient _http = new(new SocketsHttpHandler { UseProxy = false }) { Timeout = TimeSpan.FromSeconds(30) };
    private UsageShipper? _shipper;
    private GatewayMetrics? _metrics;
    private SetAside? _aside;

    private ShipScene(FakeCore core) => Core = core;

    public FakeCore Core { get; }

    public CallSpool Spool { get; private set; } = null!;

    public Watermark Watermark { get; private set; } = null!;

    public TimeProvider Time { get; init; } = TimeProvider.System;

    /// <summary>The clock that calls have their <c>at</c> from.</summary>
    public long NowMs { get; set; } = new DateTimeOffset(2026, 11, 1, 0, 0, 0, TimeSpan.Zero).ToUnixTimeMilliseconds();

    public const long MarginMs = 100;

    public ShippingOptions Options { get; set; } = new()
    {
        Sink = "core", Path = null, BatchSize = 7, BatchTime = TimeSpan.Zero, InFlight = 3, IdleWait = TimeSpan.FromMilliseconds(1), FirstDelay = TimeSpan.FromMilliseconds(1),
        LongestDelay = TimeSpan.FromMilliseconds(5), DrainTime = TimeSpan.FromSeconds(1),
    };

    public long SegmentBytes { get; init; } = 64 << 20;

    public string Folder => _folder.FullName;

    public SetAside Aside => _aside!;

    public static async Task<ShipScene> StartAsync(Func<FakeCore, ShipScene>? make = null)
    {
        var core = await FakeCore.StartAsync();
        var scene = make?.Invoke(core) ?? new ShipScene(core);
        scene.OpenSpool();
        return scene;
    }

    public static ShipScene Of(FakeCore core, TimeProvider? time = null, long segmentBytes = 64 << 20) => new(core) { Time = time ?? TimeProvider.System, SegmentBytes = segmentBytes };

    public void OpenSpool()
    {
        var options = SpoolOptionsOf();
        var folder = SpoolFolder.Open(options, TimeProvider.System);
        Spool = CallSpool.Open(options, folder, new TallyFile(folder.Disk));
    }

    /// <param name="sink">Instead of the core's.</param>
    public async Task ShipAsync(IEventSink? sink = null)
    {
        var clock = new GatewayClock(Time);
        (_metrics, _aside) = (new GatewayMetrics(Spool), new SetAside(SpoolOptionsOf()));
        Watermark = new Watermark(Spool, new WatermarkClock(() => NowMs, MarginMs));
        if (sink is null)
        {
            _http.BaseAddress ??= Core.Url;
            sink = new CoreSink(_http, new GatewayIdentity("gw"), Watermark, clock);
        }
        var sender = new BatchSender(sink, _aside, Options, clock, _metrics, NullLogger<BatchSender>.Instance);
        _shipper = new UsageShipper(Spool, sink, sender, Watermark, Options, clock, NullLogger<UsageShipper>.Instance);
        await _shipper.StartAsync(CancellationToken.None);
    }

    /// <summary>With no time to drain this is as a crash: what is in flight is dropped.</summary>
    public async Task StopShippingAsync()
    {
        await _shipper!.StopAsync(CancellationToken.None);
        _shipper.Dispose();
        _shipper = null;
        _metrics!.Dispose();
        _aside!.Dispose();
    }

    public HttpSink HttpSink() => new(_http, Options, new GatewayClock(Time));

    public async Task<Guid> CallAsync(long? atMs = null, bool settle = true)
    {
        var begin = Begin(atMs ?? NowMs);
        await Spool.BeginAsync(begin);
        await EndAsync(begin);
        if (settle)
            Settle(begin);
        return begin.Id;
    }

    /// <summary>All of them fsynced, so that batches are cut in one way only.</summary>
    public async Task<IReadOnlyList<Guid>> CallsAsync(int count, bool settle = true)
    {
        List<Guid> ids = [];
        for (var i = 0; i < count; i++)
            ids.Add(await CallAsync(settle: settle));
        await Eventually.TrueAsync("it is fsynced", () => Spool.Durable == Spool.End);
        return ids;
    }

    public async Task EndAsync(BeginRecord begin) => await Spool.EndAsync(begin, new CallOutcome
    {
        Status = UsageStatus.Completed, Usage = new UsageCounts { Requests = 1, InputTokens = 10, OutputTokens = 7 }, EndedAt = DateTimeOffset.FromUnixTimeMilliseconds(NowMs),
    });

    public void Settle(BeginRecord begin) => Spool.Settled(new SettledRecord(begin.Id, "0.1", "USD"));

    public static BeginRecord Begin(long atMs) => new()
    {
        Id = Guid.CreateVersion7(DateTimeOffset.FromUnixTimeMilliseconds(atMs)), At = DateTimeOffset.FromUnixTimeMilliseconds(atMs), AtSource = "redis", OrgId = "o", Org = "acme", KeyId = "k", Provider = "openai",
        Upstream = "openai", Route = "/v1/chat/completions", Model = "m", Stream = false, StartedAt = DateTimeOffset.FromUnixTimeMilliseconds(atMs), InputEstimate = 10, OutputBound = 100,
        Price = new ModelPrice { Provider = "openai", Model = "m", Currency = "USD", Input = 0.15m, Output = 0.6m, Version = "v" }, Counters = [],
    };

    /// <summary>The cursor as it is on disk; default when there is none.</summary>
    public SpoolPosition CursorOnDisk()
    {
        try
        {
            return JsonSerializer.Deserialize<SpoolPosition>(File.ReadAllText(Path.Combine(Folder, "cursor")));
        }
        catch (FileNotFoundException)
        {
            return default;
        }
    }

    /// <summary>Everything that is fsynced is confirmed.</summary>
    public Task ShippedAsync() => Eventually.TrueAsync("everything is shipped", () => Spool.Durable == Spool.End && CursorOnDisk() == Spool.End,
        detail: () => $"{CursorOnDisk()} of {Spool.End}; {Core.Stored.Count} stored, last faults: {string.Join(", ", Core.Findings.TakeLast(3))}");

    public string[] SetAsideLines() => File.Exists(Path.Combine(Folder, "set-aside.jsonl")) ? File.ReadAllLines(Path.Combine(Folder, "set-aside.jsonl")) : [];

    public async ValueTask DisposeAsync()
    {
        if (_shipper is not null)
        {
            Core.Fault = null;
            await StopShippingAsync();
        }
        Spool.Dispose();
        _http.Dispose();
        await Core.DisposeAsync();
        _folder.Delete(recursive: true);
    }

    private SpoolOptions SpoolOptionsOf() => new() { Directory = Folder, MaxBytes = 1 << 30, Sync = false, SegmentBytes = SegmentBytes, FlushInterval = TimeSpan.FromMilliseconds(1) };
}
