using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using Quota.TestKit;

namespace Quota.Gateway.Tests.Forwarding;

/// <summary>A client that goes leaves a call behind. Where the provider goes on, its own numbers are waited for; where it stops, what passed is counted.</summary>
public sealed class DrainTests : IAsyncLifetime
{
    private RedisServer _redis = null!;
    private FakeProvider _provider = null!;
    private GatewayProcess? _gateway;

    public async ValueTask InitializeAsync() => (_redis, _provider) = (await RedisServer.StartAsync(), await FakeProvider.StartAsync());

    public async ValueTask DisposeAsync()
    {
        if (_gateway is not null)
            await _gateway.DisposeAsync();
        await _provider.DisposeAsync();
        await _redis.DisposeAsync();
    }

    [Fact]
    public async Task A_stream_of_a_provider_that_goes_on_is_read_to_its_end()
    {
        await StartAsync("drain");
        await LeaveAsync("a b reply:40 chunk:1 pace:20", stream: true, after: 60);
        var it = (await _gateway!.EventsAsync(1))[0];
        (it.GetProperty("status").GetString(), it.GetProperty("estimated").GetBoolean(), Output(it)).ShouldBe(("cancelled", false, 40L));
        _provider.Served.Totals.OutputTokens.ShouldBe(40, "the provider was not aborted");
        await SettledAsync();
    }

    [Fact]
    public async Task A_stream_of_a_provider_that_stops_is_aborted_and_counted_by_what_passed()
    {
        await StartAsync(null);
        await LeaveAsync("a b reply:400 chunk:1 pace:20", stream: true, after: 60);
        var it = (await _gateway!.EventsAsync(1))[0];
        (it.GetProperty("status").GetString(), it.GetProperty("estimated").GetBoolean()).ShouldBe(("cancelled", true));
        Output(it).ShouldBeInRange(1, 399);
        await Eventually.TrueAsync("the provider saw it go", () => _provider.Served.Totals.Cut == 1);
        await SettledAsync();
    }

    [Fact]
    public async Task An_answer_that_is_no_stream_is_waited_for()
    {
        await StartAsync(null);
        await LeaveAsync("a b c reply:7 wait:700", stream: false, after: null);   // gone before the answer began
        var it = (await _gateway!.EventsAsync(1))[0];
        (it.GetProperty("status").GetString(), it.GetProperty("estimated").GetBoolean(), Output(it)).ShouldBe(("cancelled", false, 7L));
        await SettledAsync();
    }

    [Theory]
    [InlineData("a b c d fault:hang", false)]
    [InlineData("a b c d reply:400 chunk:1 pace:50", true)]
    public async Task What_takes_longer_than_the_bound_is_estimated(string words, bool stream)
    {
        await StartAsync("drain", ("Upstream__DrainTime", "1s"), ("Upstream__TruthTime", "1s"));
        await LeaveAsync(words, stream, after: stream ? 20 : null);
        var it = (await _gateway!.EventsAsync(1))[0];
        (it.GetProperty("status").GetString(), it.GetProperty("estimated").GetBoolean()).ShouldBe(("cancelled", true));
        it.GetProperty("usage").GetProperty("input_tokens").GetInt64().ShouldBeGreaterThan(0);
        await Eventually.TrueAsync("the provider saw it go", () => _provider.Served.Running == 0);
        await SettledAsync();
    }

    [Fact]
    public async Task An_estimate_is_corrected_when_the_truth_comes_after_it()
    {
        await StartAsync("drain", ("Upstream__DrainTime", "1s"));
        await LeaveAsync("a b c d e reply:60 chunk:1 pace:50", stream: true, after: 20);
        var events = await _gateway!.EventsAsync(2);
        var (estimate, correction) = (events[0], events[1]);
        (estimate.GetProperty("status").GetString(), estimate.GetProperty("estimated").GetBoolean()).ShouldBe(("cancelled", true));
        correction.GetProperty("corrects").GetString().ShouldBe(estimate.GetProperty("id").GetString());
        correction.GetProperty("id").GetString().ShouldNotBe(estimate.GetProperty("id").GetString());
        (correction.GetProperty("estimated").GetBoolean(), correction.GetProperty("counted").GetArrayLength()).ShouldBe((false, 0));
        correction.GetProperty("at").GetString().ShouldBe(estimate.GetProperty("at").GetString());
        long Sum(string unit) => events.Sum(it => it.GetProperty("usage").GetProperty(unit).GetInt64());
        decimal Money(string field) => events.Sum(it => decimal.Parse(it.GetProperty(field).GetString()!, System.Globalization.CultureInfo.InvariantCulture));
        (Sum("requests"), Sum("input_tokens"), Sum("output_tokens")).ShouldBe((1L, (long)_provider.Served.Totals.InputTokens, 60L));
        Money("cost").ShouldBe((_provider.Served.Totals.InputTokens + 120) / 1_000_000m);
        await SettledAsync();
        await _gateway.StartAgainAsync();   // nothing of a correction is left to do
        (await _gateway.EventsAsync(2)).Count.ShouldBe(2);
    }

    [Fact]
    public async Task Beyond_the_most_that_are_drained_at_once_the_upstream_is_aborted()
    {
        await StartAsync("drain", ("Upstream__MaxDrains", "1"));
        await LeaveAsync("a reply:60 chunk:1 pace:50", stream: true, after: 20);
        await LeaveAsync("b reply:400 chunk:1 pace:50", stream: true, after: 20);
        var events = await _gateway!.EventsAsync(2);
        events.Count(it => it.GetProperty("estimated").GetBoolean()).ShouldBe(1);
        Output(events.Single(it => !it.GetProperty("estimated").GetBoolean())).ShouldBe(60);
        await SettledAsync();
    }

    private static long Output(JsonElement it) => it.GetProperty("usage").GetProperty("output_tokens").GetInt64();

    private async Task StartAsync(string? onDisconnect, params (string Name, string Value)[] settings) => _gateway = await GatewayProcess.StartAsync($$"""
        upstreams:
          openai: { protocol: openai, base_url: "{{_provider.BaseUrl}}", credential: { env: {{GatewayProcess.CredentialVariable}} }, models: ["gpt-*"]{{(onDisconnect is null ? "" : ", on_disconnect: " + onDisconnect)}} }
        orgs: { acme: {} }
        keys: [ { name: ada, secret: {{LimitScene.Ada}}, scope: acme } ]
        limits: [ { code: at-once, scope: acme, meter: concurrency, amount: "100" } ]
        prices: { models: { gpt-4o-mini: { provider: openai, input: "1", output: "2" } } }
        """, _redis, settings.ToDictionary(it => it.Name, it => (string?)it.Value));

    /// <summary>Calls, and goes after so many bytes of the answer, or once the provider works on it.</summary>
    private async Task LeaveAsync(string words, bool stream, int? after)
    {
        using var http = new HttpClient(new SocketsHttpHandler { ResponseDrainTimeout = TimeSpan.Zero });   // by default it reads on for two seconds itself
        using var gone = new CancellationTokenSource();
        using var request = new HttpRequestMessage(HttpMethod.Post, _gateway!.Url + "/v1/chat/completions")
        {
            Content = new StringContent($$"""{"model":"gpt-4o-mini","messages":[{"role":"user","content":"{{words}}"}],"max_tokens":500{{(stream ? ",\"stream\":true" : "")}}}""", Encoding.UTF8, "application/json"),
            Headers = { Authorization = new AuthenticationHeaderValue("Bearer", LimitScene.Ada) },
        };
        var before = _provider.Served.Read;
        var answer = http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, gone.Token);
        if (after is { } bytes)
        {
            await using var body = await (await answer).Content.ReadAsStreamAsync(gone.Token);
            await body.ReadExactlyAsync(new byte[bytes], gone.Token);
            await gone.CancelAsync();
            return;
        }
        await Eventually.TrueAsync("the provider works on it", () => _provider.Served.Read > before);   // the whole of it: an upload that breaks off is given up
        await gone.CancelAsync();
        await Should.ThrowAsync<OperationCanceledException>(() => answer);
    }

    private async Task SettledAsync()
    {
        using var http = new HttpClient();
        await Eventually.TrueAsync("nothing is held", async () =>
            JsonElement.Parse(await http.GetStringAsync(_gateway!.AdminUrl + "/admin/limits")).GetProperty("limits")[0].GetProperty("held").GetString() == "0");
    }
}
