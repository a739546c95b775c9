using Quota.Billing.Clock;

namespace Quota.Billing.Subscriptions;

/// <summary>The room's door.</summary>
internal static class SubscriptionsRegistration
{
    public static void AddSubscriptions(this IServiceCollection services)
    {
        services.AddSingleton<SubscriptionStore>();
        services.AddSingleton<UsageGroups>();
        services.AddSingleton<SubscriptionStartJob>();
        services.AddSingleton<IDueWork>(provider => provider.GetRequiredService<SubscriptionStartJob>());
    }
}
