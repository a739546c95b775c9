using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using Quota.TestKit;

namespace Quota.Gateway.Tests.Spool;

/// <summary>A gateway that is killed in the middle of streams: each is charged for what was delivered of it, to within a second.</summary>
public sealed class AbandonedTests
{
    /// <summary>Tokens of each stream before the gateway is killed: more than three seconds' worth.</summary>
    private const int Delivered = 300;

    [Fact]
    public async Task Streams_of_a_killed_gateway_are_charged_for_what_they_had_delivered()
    {
        await using var redis = await RedisServer.StartAsync();
        await using var provider = await FakeProvider.StartAsync();
        await using var gateway = await GatewayProcess.StartAsync(StandaloneGateway.Yaml(provider), redis);
        using var http = new HttpClient(new SocketsHttpHandler { UseProxy = false });
        var streams = new List<(string Id, Task<string> Text)>();
        var started = Enumerable.Range(0, 3).Select(_ => new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously)).ToList();
        for (var i = 0; i < 3; i++)
        {
            using var request = new HttpRequestMessage(HttpMethod.Post, gateway.Url + "/v1/chat/completions")
            {
                Content = new StringContent(StandaloneGateway.Chat("a b c reply:4000 chunk:2 pace:20", ",\"stream\":true,\"max_completion_tokens\":4000"), Encoding.UTF8, "application/json"),
            };
            request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", StandaloneGateway.Bob);
            var response = await http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
            streams.Add((response.Headers.GetValues("x-request-id").Single(), ReadAsync(response, started[i])));
        }
        await Task.WhenAll(started.Select(it => it.Task)).WaitAsync(TimeSpan.FromMinutes(1));
        gateway.Process.Kill();
        var delivered = await Task.WhenAll(streams.Select(async stream => FakeProvider.TokensIn(await stream.Text)));
        await gateway.StartAgainAsync();

        var events = await gateway.EventsAsync(3);
        for (var i = 0; i < streams.Count; i++)
        {
            var usage = events.Single(it => it.GetProperty("id").GetString() == streams[i].Id);
            (usage.GetProperty("status").GetString(), usage.GetProperty("estimated").GetBoolean()).ShouldBe(("abandoned", true));
            var output = usage.GetProperty("usage").GetProperty("output_tokens").GetInt64();
            delivered[i].ShouldBeGreaterThan(100);
            output.ShouldBeInRange(delivered[i] / 3, delivered[i] * 3);   // four bytes a token, and a second's worth may be missing
            DateTimeOffset.Parse(usage.GetProperty("ended_at").GetString()!, System.Globalization.CultureInfo.InvariantCulture)
                .ShouldBeGreaterThan(DateTimeOffset.Parse(usage.GetProperty("started_at").GetString()!, System.Globalization.CultureInfo.InvariantCulture).AddSeconds(1));
        }
        await Eventually.TrueAsync("nothing is held any more", async () => await HeldAsync(http, gateway) == 0);
    }

    private static async Task<decimal> HeldAsync(HttpClient http, GatewayProcess gateway) => JsonElement.Parse(await http.GetStringAsync(gateway.AdminUrl + "/admin/limits")).GetProperty("limits").EnumerateArray()
        .Sum(limit => decimal.Parse(limit.GetProperty("held").GetString()!, System.Globalization.CultureInfo.InvariantCulture));

    /// <param name="started">Told when <see cref="Delivered"/> tokens are here.</param>
    private static async Task<string> ReadAsync(HttpResponseMessage response, TaskCompletionSource started)
    {
        var text = new StringBuilder();
        try
        {
            using var lines = new StreamReader(await response.Content.ReadAsStreamAsync());
            for (var tokens = 0; await lines.ReadLineAsync() is { } line;)
            {
                text.AppendLine(line);
                if ((tokens += FakeProvider.TokensIn(line)) >= Delivered)
                    started.TrySetResult();
            }
        }
        catch (Exception problem) when (problem is IOException or HttpRequestException)
        {
        }
        response.Dispose();
        return text.ToString();
    }
}
