using Microsoft.Extensions.DependencyInjection.Extensions;
using Quota.Gateway.Limits.Kinds;
using Quota.Shared.Hosting;
using StackExchange.Redis;

namespace Quota.Gateway.Limits;

/// <summary>Hierarchical quotas: hold and settle. To add a meter: a file in <c>Kinds/</c>, and a line here.</summary>
internal static class LimitsRegistration
{
    public static IServiceCollection AddLimits(this IServiceCollection services, Settings settings)
    {
        var options = LimitsOptions.Read(settings);
        services.TryAddEnumerable(ServiceDescriptor.Singleton<ILimitKind, RequestLimit>());
        services.TryAddEnumerable(ServiceDescriptor.Singleton<ILimitKind, SpendLimit>());
        return services.AddSingleton(options)
            .AddSingleton<IConnectionMultiplexer>(_ => ConnectionMultiplexer.Connect(options.Redis))
            .AddSingleton<QuotaStore>().AddSingleton<ILimiter, RedisLimiter>()
            .AddSingleton<ReleaseQueue>().AddHostedService(provider => provider.GetRequiredService<ReleaseQueue>())
            .AddSingleton<HoldJob>().AddHostedService(provider => provider.GetRequiredService<HoldJob>());
    }
}
