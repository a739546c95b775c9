using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using StackExchange.Redis;
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
        pipeline(app);
        await app.RunAsync();
    }
}
