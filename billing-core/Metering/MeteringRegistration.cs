using Microsoft.Extensions.DependencyInjection.Extensions;
using Quota.Billing.Metering.Rollups;

namespace Quota.Billing.Metering;

/// <summary>The door of this room, and the index of what aggregations exist.</summary>
internal static class MeteringRegistration
{
    public static void AddMetering(this IServiceCollection services)
    {
        // To add an aggregation, add its line here.
        services.TryAddEnumerable(ServiceDescriptor.Singleton<IAggregation, CountAggregation>());
        services.TryAddEnumerable(ServiceDescriptor.Singleton<IAggregation, SumAggregation>());
        services.TryAddEnumerable(ServiceDescriptor.Singleton<IAggregation, MaxAggregation>());
        services.TryAddEnumerable(ServiceDescriptor.Singleton<IAggregation, MinAggregation>());
        services.TryAddEnumerable(ServiceDescriptor.Singleton<IAggregation, LatestAggregation>());
        services.TryAddEnumerable(ServiceDescriptor.Singleton<IAggregation, UniqueCountAggregation>());
        services.TryAddEnumerable(ServiceDescriptor.Singleton<IAggregation, WeightedSumAggregation>());
        services.TryAddEnumerable(ServiceDescriptor.Singleton<IAggregation, AverageAggregation>());
        services.AddSingleton<Aggregations>();
        services.AddSingleton<MeterQuery>();
        services.AddSingleton<RollupCatalog>();
        services.AddSingleton<RollupBuilder>();
        services.AddSingleton<RollupCheck>();
        services.AddHostedService<RollupJob>();
        services.AddSingleton<IEventsNeeded, EventsForMetering>();
    }

    public static void MapMetering(this WebApplication app) => app.MapRollups();
}
