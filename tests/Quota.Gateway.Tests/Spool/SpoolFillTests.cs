using System.Diagnostics.Metrics;
using System.Net;
using System.Net.Http.Headers;
using System.Text;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Logging;
using Quota.Gateway.Diagnostics;
using Quota.Gateway.Spool;
using Quota.Shared.Hosting;
using Quota.TestKit;

namespace Quota.Gateway.Tests.Spool;

/// <summary>A spool that fills up: said at 80 %, refusing at 100 %, and going on once its events are confirmed.</summary>
public sealed class SpoolFillTests : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("quota-spool-");

    private static SpoolOptions Smallest(string folder) =>
        SpoolOptions.Read(new Settings(new ConfigurationBuilder().AddInMemoryCollection([new("Spool:Directory", folder), new("Spool:MaxBytes", "16777216")]).Build(), new SettingsReport()));

    private static CallSpool Open(SpoolOptions options)
    {
        var folder = SpoolFolder.Open(options, TimeProvider.System);
        return CallSpool.Open(options, folder, new TallyFile(folder.Disk));
    }

    [Fact]
    public async Task It_is_said_once_at_80_percent_and_once_when_there_is_room_again()
    {
        using var spool = Open(Smallest(_folder.FullName));
        var log = new Said();
        using var fill = new SpoolFill(spool, new GatewayClock(TimeProvider.System), log);
        using var metrics = new GatewayMetrics(spool);
        List<BeginRecord> open = [];
        for (; spool.Share < 0.79; fill.Look())
            open.Add(await BeginAsync(spool));
        log.ShouldBeEmpty();
        for (; spool.Share <= 1; fill.Look())
            open.Add(await BeginAsync(spool));
        log.ShouldBe([(LogLevel.Warning, 1204)]);
        await Eventually.TrueAsync("it is full", () => spool.Refuses() == "the spool is full");   // first of all its disk may be behind
        ShareOf(spool).ShouldBeInRange(1.0, 1.01);
        spool.Bytes.ShouldBeLessThan(16 << 20);   // the rest is kept for how they end
        foreach (var begin in open)
        {
            await spool.EndAsync(begin, SomeRecords.Outcome());
            spool.Settled(new SettledRecord(begin.Id, null, null));
        }
        spool.Bytes.ShouldBeLessThan(16 << 20);
        fill.Look();
        fill.Look();
        log.ShouldBe([(LogLevel.Warning, 1204), (LogLevel.Information, 1205)]);
        await Eventually.TrueAsync("it takes calls again", () => spool.Refuses() is null);
    }

    [Fact]
    public async Task It_never_fills_up_with_what_is_shipped()
    {
        using var spool = Open(Smallest(_folder.FullName));
        for (var i = 0; i < 40_000; i++)   // some 50 MB
        {
            spool.Refuses().ShouldBeNull();
            await SomeRecords.CallAsync(spool);
            if (i % 500 == 0)
            {
                await Eventually.TrueAsync("it is fsynced", () => spool.Durable >= spool.End);
                spool.Trim(spool.Durable);
            }
        }
    }

    [Fact]
    public async Task A_gateway_with_a_full_spool_answers_503_until_its_events_are_stored()
    {
        await using var redis = await RedisServer.StartAsync();
        await using var provider = await FakeProvider.StartAsync();
        await using var gateway = await GatewayProcess.StartAsync(StandaloneGateway.Yaml(provider), redis, new Dictionary<string, string?> { ["Spool__MaxBytes"] = "16777216" });
        gateway.Process.Kill();
        await Eventually.TrueAsync("it is gone", () => gateway.Process.HasExited);
        using (var spool = Open(Smallest(gateway.SpoolFolder)))
        {
            while (spool.Share <= 1)   // a disk that does not keep up refuses too, but is not full
                await SomeRecords.CallAsync(spool);
        }
        gateway.Set("Events__Path", "/proc/no/events.jsonl");
        await gateway.StartAgainAsync(waitUntilReady: false);
        (HttpStatusCode Status, string Text) answer = default;
        await Eventually.TrueAsync("it is up and refuses", async () => (answer = await AskAsync(gateway)).Text.Contains("the spool is full", StringComparison.Ordinal), detail: () => answer.Text + gateway.Process.Output);
        answer.Status.ShouldBe(HttpStatusCode.ServiceUnavailable);
        var sent = provider.Served.Totals.Requests;

        gateway.Set("Events__Path", null);
        await gateway.StartAgainAsync(waitUntilReady: false);
        await Eventually.TrueAsync("it serves again", async () => (answer = await AskAsync(gateway)).Status == HttpStatusCode.OK, TimeSpan.FromSeconds(60), detail: () => answer.Text + gateway.Process.Output);
        provider.Served.Totals.Requests.ShouldBe(sent + 1);
    }

    private static async Task<(HttpStatusCode Status, string Text)> AskAsync(GatewayProcess gateway)
    {
        using var http = new HttpClient(new SocketsHttpHandler { UseProxy = false });
        using var request = new HttpRequestMessage(HttpMethod.Post, gateway.Url + "/v1/chat/completions") { Content = new StringContent(StandaloneGateway.Chat("a b"), Encoding.UTF8, "application/json") };
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", StandaloneGateway.Bob);
        try
        {
            using var response = await http.SendAsync(request);
            return (response.StatusCode, await response.Content.ReadAsStringAsync());
        }
        catch (HttpRequestException problem)
        {
            return (default, problem.Message);
        }
    }

    private static async Task<BeginRecord> BeginAsync(CallSpool spool)
    {
        var begin = SomeRecords.Begin();
        await spool.BeginAsync(begin);
        return begin;
    }

    private static double ShareOf(CallSpool spool)
    {
        using var metrics = new GatewayMetrics(spool);
        using var listener = new MeterListener();
        var share = -1.0;
        listener.InstrumentPublished = (instrument, it) =>
        {
            if (instrument.Name == "quota.spool.share")
                it.EnableMeasurementEvents(instrument);
        };
        listener.SetMeasurementEventCallback<double>((_, measured, _, _) => share = Math.Max(share, measured));
        listener.Start();
        listener.RecordObservableInstruments();
        return share;
    }

    public void Dispose() => _folder.Delete(recursive: true);

    private sealed class Said : List<(LogLevel, int)>, ILogger<SpoolFill>
    {
        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) => Add((logLevel, eventId.Id));
    }
}
