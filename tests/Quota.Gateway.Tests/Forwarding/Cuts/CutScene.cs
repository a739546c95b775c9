using System.Globalization;
using System.Text.Json;
using Quota.TestKit;

namespace Quota.Gateway.Tests.Forwarding.Cuts;

/// <summary>A gateway whose upstreams all lie behind a <see cref="CutProxy"/>.</summary>
internal sealed class CutScene(LimitScene scene, CutProxy proxy) : IAsyncDisposable
{
    public FakeProvider Provider => scene.Provider;

    public static async Task<CutScene> StartAsync(bool drains, bool isStepwise)
    {
        var (redis, provider) = (await RedisServer.StartAsync(), await FakeProvider.StartAsync());
        var proxy = new CutProxy(new Uri(provider.BaseUrl).Port, drains);
        proxy.Start();
        var limits = $$"""
            - { code: tokens, scope: acme, meter: total_tokens, amount: "1000000000", window: { kind: lifetime }, hold: {{(isStepwise ? "stepwise" : "bounded")}} }
            - { code: money, scope: acme, meter: spend, amount: "100000", window: { kind: lifetime } }
            - { code: calls, scope: acme/research, meter: requests, amount: "1000000", window: { kind: lifetime } }
            - { code: at-once, scope: acme, meter: concurrency, amount: "1000" }
            """;
        var yaml = LimitScene.Yaml(provider, limits).Replace(provider.BaseUrl, proxy.Url, StringComparison.Ordinal)
            .Replace("}, models:", $"}}, on_disconnect: {(drains ? "drain" : "abort")}, models:", StringComparison.Ordinal);   // of every upstream
        return new CutScene(new LimitScene { Redis = redis, Provider = provider, Gateway = await GatewayProcess.StartAsync(yaml, redis) }, proxy);
    }

    public async Task RunAsync(IReadOnlyList<CutCase> cases)
    {
        foreach (var it in cases)
            proxy.Add(it);
        using var bound = new CancellationTokenSource(TimeSpan.FromSeconds(LongForm.Pick(60, 600)));
        var options = new ParallelOptions { MaxDegreeOfParallelism = 24, CancellationToken = bound.Token };
        await Parallel.ForEachAsync(cases, options, async (it, cancellation) => await CutClient.CallAsync(new Uri(scene.Gateway.Url), it, cancellation));
    }

    public Task<IReadOnlyList<JsonElement>> EventsAsync(int count) => scene.Gateway.EventsAsync(count);

    /// <summary>Waits until nothing is held, and every counter is the sum of these events and no more.</summary>
    public async Task SettledAsync(IReadOnlyCollection<JsonElement> events)
    {
        long Sum(string unit) => events.Sum(it => it.GetProperty("usage").TryGetProperty(unit, out var value) ? value.GetInt64() : 0);
        await scene.SettledAsync("tokens", Sum("input_tokens") + Sum("output_tokens"));
        await scene.SettledAsync("calls", Sum("requests"));
        await scene.SettledAsync("money", events.Sum(it => decimal.Parse(it.GetProperty("cost").GetString()!, CultureInfo.InvariantCulture)));
        await scene.SettledAsync("at-once", 0);
        (await scene.Gateway.EventsAsync(events.Count)).Count.ShouldBe(events.Count);
        var (status, body) = await scene.AdminAsync("/admin/counters/verify?org=acme");
        ((int)status).ShouldBe(200, body.GetRawText());
    }

    public async ValueTask DisposeAsync()
    {
        await scene.DisposeAsync();
        await proxy.DisposeAsync();
    }
}
