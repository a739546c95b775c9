using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using Quota.TestKit;

namespace Quota.Gateway.Tests.Spool;

/// <summary>A gateway that is killed in the middle of streams: each is charged for what was delivered of it, to within a second.</summary>
public sealed class AbandonedTests
{
    [Fact]
    public async Task Streams_of_a_killed_gateway_are_charged_for_what_they_had_delivered()
    {
        await using var redis = await RedisServer.StartAsync();
        await using var provider = await FakeProvider.StartAsync();
        await using var gateway = await GatewayProcess.StartAsync(StandaloneGateway.Yaml(provider), redis);
        using var http = new HttpClient(new SocketsHttpHandler { UseProxy = false });
        var streams = new List<(string Id, Task<string> Text)>();
        for (var i = 0; i < 3; i++)
        {
            using var request = new HttpRequestMessage(HttpMethod.Post, gateway.Url + "/v1/chat/completions")
            {
                Content = new StringContent(StandaloneGateway.Chat("a b c reply:4000 chunk:2 pace:20", ",\"stream\":true,\"max_completion_tokens\":4000"), Encoding.UTF8, "application/json"),
            };
            request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", StandaloneGateway.Bob);
            var response = await http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
            streams.Add((response.Headers.GetValues("x-request-id").Single(), ReadAsync(response)));
        }
        await Task.Delay(TimeSpan.FromSeconds(3.5));
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

    private static async Task<string> ReadAsync(HttpResponseMessage response)
    {
        using var text = new MemoryStream();
        try
        {
            await (await response.Content.ReadAsStreamAsync()).CopyToAsync(text);
        }
        catch (Exception problem) when (problem is IOException or HttpRequestException)
        {
        }
        response.Dispose();
        return Encoding.UTF8.GetString(text.ToArray());
    }
}
