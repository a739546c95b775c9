using System.Net.Http.Headers;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Quota.Gateway.ControlPlane;
using Quota.Gateway.Diagnostics;
using Quota.Gateway.Limits.Facts;
using Quota.Gateway.Limits.Kinds;
using Quota.Gateway.Limits.Store;
using Quota.Gateway.Spool;
using Quota.Shared.ControlPlane;
using Quota.Shared.Hosting;
using StackExchange.Redis;

namespace Quota.Gateway.Limits;

/// <summary>Hierarchical quotas: hold and settle. To add a meter: a file in <c>Kinds/</c>, and a line in <see cref="Kinds"/>.</summary>
internal static class LimitsRegistration
{
    /// <summary>Every meter there is.</summary>
    public static IEnumerable<ILimitKind> Kinds() =>
    [
        new RequestLimit(),
        new TokenLimit(Meters.InputTokens), new TokenLimit(Meters.OutputTokens), new TokenLimit(Meters.TotalTokens),
        new MoneyLimit(Meters.Spend), new MoneyLimit(Meters.Cost),
        new ConcurrencyLimit(),
        .. Meters.Units.Select(unit => new UnitLimit(unit)),
    ];

    public static IServiceCollection AddLimits(this IServiceCollection services, ControlPlaneOptions control, Settings settings)
    {
        var options = LimitsOptions.Read(settings);
        foreach (var kind in Kinds())
            services.AddSingleton(kind);
        AddFactSink(services, control, settings);
        return services.AddSingleton(options)
            .AddSingleton<IConnectionMultiplexer>(_ => ConnectionMultiplexer.Connect(options.Redis))
            .AddSingleton<StoreConnection>().AddSingleton(Events).AddSingleton<QuotaStore>().AddSingleton<CounterTally>().AddSingleton<CounterRebuild>().AddSingleton<CounterCheck>().AddSingleton<LimitExplainer>()
            .AddSingleton(provider => new EpochBook(Path.Combine(provider.GetRequiredService<SpoolOptions>().Directory, "epochs")))
            .AddSingleton(provider => new GraceBook(Path.Combine(provider.GetRequiredService<SpoolOptions>().Directory, "grace.json"), options, provider.GetRequiredService<GatewayClock>()))
            .AddSingleton<ILimiter, RedisLimiter>()
            .AddSingleton<ReleaseQueue>().AddHostedService(provider => provider.GetRequiredService<ReleaseQueue>())
            .AddSingleton<HoldJob>().AddHostedService(provider => provider.GetRequiredService<HoldJob>())
            .AddHostedService<StoreProbe>().AddSingleton<SeedJob>().AddHostedService(provider => provider.GetRequiredService<SeedJob>()).AddHostedService<FactJob>().AddHostedService<GatheringJob>();
    }

    private static StoreEvents Events(IServiceProvider provider) => new(provider.GetRequiredService<ILogger<StoreEvents>>())
    {
        Content = org => provider.GetRequiredService<CounterRebuild>().Content(org),
        Orders = provider.GetService<IEpochOrders>(),
        IsLost = name => provider.GetRequiredService<CurrentControl>().Now?.LostAt(name) is not null,
        RebuildAsync = epoch => provider.GetRequiredService<CounterRebuild>().RunAsync(epoch),
        GuardFailed = guard => provider.GetRequiredService<GatewayMetrics>().GuardFailed(guard),
    };

    private static void AddFactSink(IServiceCollection services, ControlPlaneOptions control, Settings settings)
    {
        var webhook = settings.Address("Limits__Webhook");
        if (control.Url is null && webhook is null)
        {
            services.AddSingleton<IFactSink, LogFactSink>();
            return;
        }
        var address = control.Url is { } core ? new Uri(core.AbsoluteUri.TrimEnd('/') + "/internal/v1/facts") : webhook!;
        services.AddHttpClient(nameof(HttpFactSink), http =>
        {
            http.Timeout = TimeSpan.FromSeconds(10);
            if (control.Url is not null)
                http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", control.Token);
        }).ConfigurePrimaryHttpMessageHandler(HttpFactSink.CarefulHandler);
        services.AddSingleton<IFactSink>(provider => new HttpFactSink(
            provider.GetRequiredService<IHttpClientFactory>().CreateClient(nameof(HttpFactSink)), address, provider.GetRequiredService<GatewayIdentity>(), provider.GetRequiredService<ILogger<HttpFactSink>>()));
    }
}
