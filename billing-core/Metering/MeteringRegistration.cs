using Microsoft.Extensions.DependencyInjection.Extensions;

namespace Quota.Billing.Metering;

/// <summary>The door of this room, and the index of what aggregations exist.</summary>
internal static class MeteringRegistration
{
    public static void AddMetering(this IServiceCollection services)
    {
        services.TryAddEnumerable(ServiceDescriptor.Singleton<IAggregation, CountAggregation>());
        services.TryAddEnumerable(ServiceDescriptor.Singleton<IAggregation, SumAggregation>());
        services.AddSingleton<Aggregations>();
        services.AddSingleton<MeterQuery>();
    }
}
