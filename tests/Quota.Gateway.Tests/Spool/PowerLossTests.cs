using System.Globalization;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using Quota.TestKit;

namespace Quota.Gateway.Tests.Spool;

/// <summary>The machine loses its power: what the disk had not yet comes back from the store, each call in one event, and the counters with it.</summary>
public sealed class PowerLossTests : IAsyncLifetime
{
    private const string Limits = """
        - { code: month, scope: acme, meter: spend, amount: "100", window: { kind: month } }
        - { code: minute, scope: acme, meter: requests, amount: "100000", window: { kind: rate, every: minute } }
        - { code: at-once, scope: acme/research, meter: concurrency, amount: "50" }
        """;

    private readonly DirectoryInfo _disk = Directory.CreateTempSubdirectory("quota-disk-");
    private readonly HttpClient _http = new(new SocketsHttpHandler { UseProxy = false });
    private LimitScene _scene = null!;

    public async ValueTask InitializeAsync() => _scene = await LimitScene.StartAsync(Limits, ("Limits__ReceiptTtl", "10m"));

    [Fact]
    public async Task Calls_whose_records_went_with_the_power_have_their_events_and_the_same_each_time()
    {
        await CallAsync(1);
        await SyncAsync();
        await CallAsync(3);
        var before = (await _scene.Gateway.EventsAsync(4)).Select(Facts).ToList();
        var running = await StreamAsync();
        _scene.Gateway.Process.Kill();

        var first = await LoseAsync(5);
        var second = await LoseAsync(5);
        second.ShouldBe(first);
        var events = first.Select(line => JsonElement.Parse(line)).ToList();
        events.Count(it => it.GetProperty("status").GetString() == "completed" && !it.GetProperty("estimated").GetBoolean()).ShouldBe(4);
        events.Where(it => it.GetProperty("id").GetString() != running).Select(Facts).ShouldBe(before, ignoreOrder: true);
        var abandoned = events.Single(it => it.GetProperty("status").GetString() == "abandoned");
        (abandoned.GetProperty("id").GetString(), abandoned.GetProperty("estimated").GetBoolean(), abandoned.GetProperty("user").GetString()).ShouldBe((running, true, "ada"));
        (abandoned.GetProperty("usage").GetProperty("input_tokens").GetInt64() > 0, abandoned.GetProperty("usage").GetProperty("output_tokens").GetInt64()).ShouldBe((true, 0));
        events.Select(it => it.GetProperty("seq").GetInt64()).Order().ShouldBe([1, 2, 3, 4, 5]);
        await _scene.SettledAsync("month", events.Sum(it => decimal.Parse(it.GetProperty("cost").GetString()!, CultureInfo.InvariantCulture)));
        (await _scene.StandingAsync("at-once")).Held.ShouldBe(0);
        (await _scene.PostAsync(LimitScene.Ada)).Status.ShouldBe(System.Net.HttpStatusCode.OK);
    }

    [Fact]
    public async Task A_start_that_is_killed_half_way_goes_on()
    {
        await CallAsync(1);
        await SyncAsync();
        await CallAsync(120);
        _scene.Gateway.Process.Kill();

        await LoseAsync(0);
        for (var kill = 0; kill < 3; kill++)
        {
            var before = _scene.Gateway.Events().Count;
            await _scene.Gateway.StartAgainAsync(waitUntilReady: false);
            await Eventually.TrueAsync("it recovers", () => _scene.Gateway.Events().Count > before || before >= 121, detail: () => _scene.Gateway.Process.Output);
            _scene.Gateway.Process.Kill();
        }
        await _scene.Gateway.StartAgainAsync();
        await Eventually.TrueAsync("all have their event", () => Ids().Distinct().Count() == 121, detail: () => $"{Ids().Count}\n{_scene.Gateway.Process.Output}");
        _scene.Gateway.Events().GroupBy(it => it.GetProperty("id").GetString()).ShouldAllBe(group => group.Select(it => it.GetRawText()).Distinct().Count() == 1);
    }

    /// <summary>All that an event says but for its number, and when the call was sent.</summary>
    private static string Facts(JsonElement one) => string.Join(',', one.EnumerateObject().Where(it => it.Name is not ("seq" or "started_at")));

    private List<string> Ids() => [.. _scene.Gateway.Events().Select(it => it.GetProperty("id").GetString()!)];

    private async Task CallAsync(int calls)
    {
        var ended = (await _scene.StandingAsync("month")).Used;
        for (var i = 0; i < calls; i++)
            (await _scene.PostAsync(LimitScene.Ada)).Status.ShouldBe(System.Net.HttpStatusCode.OK);
        await Eventually.TrueAsync("they are settled", async () => await _scene.StandingAsync("month") is { Held: 0 } it && it.Used > ended);
    }

    /// <summary>The disk has all of it by now.</summary>
    private async Task SyncAsync()
    {
        await KillAsync();
        Copy(_scene.Gateway.SpoolFolder, _disk.FullName);
        await _scene.Gateway.StartAgainAsync();
    }

    /// <summary>The machine is back, with its disk as it was then. Answers its events once there are so many; none: it is not started.</summary>
    private async Task<IReadOnlyList<string>> LoseAsync(int events)
    {
        await KillAsync();
        Directory.Delete(_scene.Gateway.SpoolFolder, recursive: true);
        Copy(_disk.FullName, _scene.Gateway.SpoolFolder);
        await File.WriteAllTextAsync(Path.Combine(_scene.Gateway.SpoolFolder, "boot"), "another boot");
        if (events == 0)
            return [];
        await _scene.Gateway.StartAgainAsync();
        await _scene.Gateway.EventsAsync(events);
        await Eventually.TrueAsync("nothing is held", async () => (await _scene.StandingAsync("month")).Held == 0);
        return File.ReadAllLines(Path.Combine(_scene.Gateway.SpoolFolder, "events.jsonl"));
    }

    private async Task KillAsync()
    {
        _scene.Gateway.Process.Kill();
        await Eventually.TrueAsync("it is gone", () => _scene.Gateway.Process.HasExited);
    }

    private static void Copy(string from, string to)
    {
        foreach (var file in Directory.EnumerateFiles(from, "*", SearchOption.AllDirectories))
        {
            var copy = Path.Combine(to, Path.GetRelativePath(from, file));
            Directory.CreateDirectory(Path.GetDirectoryName(copy)!);
            File.Copy(file, copy, overwrite: true);
        }
    }

    private async Task<string> StreamAsync()
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, _scene.Gateway.Url + "/v1/chat/completions")
        {
            Content = new StringContent(StandaloneGateway.Chat("a b c reply:4000 chunk:2 pace:20", ",\"stream\":true,\"max_completion_tokens\":4000"), Encoding.UTF8, "application/json"),
        };
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", LimitScene.Ada);
        using var response = await _http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
        return response.Headers.GetValues("x-request-id").Single();
    }

    public async ValueTask DisposeAsync()
    {
        _http.Dispose();
        await _scene.DisposeAsync();
        _disk.Delete(recursive: true);
    }
}
