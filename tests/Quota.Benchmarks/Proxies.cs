using System.Globalization;
using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using StackExchange.Redis;
using Quota.Gateway;
using Quota.Gateway.Limits;
using Quota.Gateway.Metering;
using Quota.Gateway.Providers.OpenAi;
using Quota.Gateway.Spool;
using Quota.Shared.Pricing;
using Yarp.ReverseProxy.Configuration;
using Yarp.ReverseProxy.Forwarder;

namespace Quota.Benchmarks;

/// <summary>What the gateway is compared with: YARP that forwards everything to one upstream, in three forms. Each is a child of its own.</summary>
internal static class Proxies
{
    /// <summary><c>IHttpForwarder</c> and nothing else: what ratios refer to.</summary>
    public static Task ForwarderAsync(int port, string upstream) => RunAsync(port, builder => builder.Services.AddHttpForwarder(), app =>
    {
        var (forwarder, http) = (app.Services.GetRequiredService<IHttpForwarder>(), Client());
        app.Run(async context => await forwarder.SendAsync(context, upstream, http));
    });

    /// <summary><c>MapReverseProxy</c> with one route and one cluster, as its documentation begins.</summary>
    public static Task RoutesAsync(int port, string upstream) => RunAsync(port, builder => builder.Services.AddReverseProxy().LoadFromMemory(
        [new RouteConfig { RouteId = "all", ClusterId = "provider", Match = new RouteMatch { Path = "{**any}" } }],
        [new ClusterConfig { ClusterId = "provider", Destinations = new Dictionary<string, DestinationConfig> { ["one"] = new() { Address = upstream } } }]),
        app => app.MapReverseProxy());

    /// <summary>The forwarder, and before it one awaited EVALSHA of a script that does nothing: the price of one hop to the store.</summary>
    public static async Task HopAsync(int port, string upstream, string redis)
    {
        await using var connection = await ConnectionMultiplexer.ConnectAsync(redis);
        var database = connection.GetDatabase();
        await RunAsync(port, builder => builder.Services.AddHttpForwarder(), app =>
        {
            var (forwarder, http) = (app.Services.GetRequiredService<IHttpForwarder>(), Client());
            app.Run(async context =>
            {
                await database.ScriptEvaluateAsync("return 1");   // sent as its hash after the first time
                await forwarder.SendAsync(context, upstream, http);
            });
        });
    }

    /// <summary>The forwarder, and each answer read for its usage as it passes, as the gateway does it: what reading alone costs.</summary>
    /// <param name="hides">Whether the client did not ask for usage, so that the usage chunk is kept from it.</param>
    public static Task ReadingAsync(int port, string upstream, bool hides) => RunAsync(port, builder => builder.Services.AddHttpForwarder(), app =>
    {
        var (forwarder, http, clock) = (app.Services.GetRequiredService<IHttpForwarder>(), Client(), new GatewayClock(TimeProvider.System));
        app.Run(async context => await forwarder.SendAsync(context, upstream, http, ForwarderRequestConfig.Empty, new Reading(hides, clock)));
    });

    private static readonly BeginRecord Begin = new()
    {
        Id = Guid.CreateVersion7(DateTimeOffset.UnixEpoch), At = DateTimeOffset.UnixEpoch, AtSource = "redis", OrgId = "o", Org = "acme", KeyId = "k", Provider = "openai", Upstream = "openai",
        Route = "/v1/chat/completions", Model = "gpt-4.1-nano", Stream = true, StartedAt = DateTimeOffset.UnixEpoch, InputEstimate = 9, OutputBound = 1_000_000, Counters = [],
        Price = new ModelPrice { Provider = "openai", Model = "gpt-4.1-nano", Currency = "USD", Version = "v", Input = 1, Output = 1 },
    };

    private static readonly Hold Hold = new(Begin.Id, "o", DateTimeOffset.UnixEpoch, []);

    /// <summary>Of a call that nothing but its end is done for.</summary>
    public static CallMeter MeterOf(bool hides, GatewayClock clock) =>
        new(Begin, Hold, new ChatStreamUsage(hides), static (_, _, outcome) => outcome.Estimated ? throw new InvalidOperationException("usage was not read") : ValueTask.CompletedTask, clock);

    private sealed class Reading(bool hides, GatewayClock clock) : HttpTransformer
    {
        public override async ValueTask<bool> TransformResponseAsync(HttpContext context, HttpResponseMessage? proxyResponse, CancellationToken cancellationToken)
        {
            var meter = MeterOf(hides, clock);
            meter.Answered(proxyResponse!);
            var goesOn = await base.TransformResponseAsync(context, proxyResponse, cancellationToken);
            context.Response.Headers.ContentLength = null;
            proxyResponse!.Content = new ObservedContent(proxyResponse.Content, meter, hides, gone: null);
            return goesOn;
        }
    }

    private static HttpMessageInvoker Client() => new(new SocketsHttpHandler
    {
        UseProxy = false, AllowAutoRedirect = false, AutomaticDecompression = DecompressionMethods.None, UseCookies = false, ActivityHeadersPropagator = null,
    });

    private static async Task RunAsync(int port, Action<WebApplicationBuilder> services, Action<WebApplication> pipeline)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, port));
        services(builder);
        var app = builder.Build();
        app.Map("/_allocated", it => it.Run(context => context.Response.WriteAsync(GC.GetTotalAllocatedBytes(precise: true).ToString(CultureInfo.InvariantCulture))));
        pipeline(app);
        await app.RunAsync();
    }
}
