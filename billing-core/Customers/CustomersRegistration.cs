using Quota.Billing.Metering;

namespace Quota.Billing.Customers;

/// <summary>The door of this room: who pays and who calls, their keys, limits and prices, and the snapshot of it that gateways pull.</summary>
internal static class CustomersRegistration
{
    public static void AddCustomers(this IServiceCollection services)
    {
        services.AddSingleton<CustomerStore>();
        services.AddSingleton<TeamStore>();
        services.AddSingleton<UserStore>();
        services.AddSingleton<ApiKeyStore>();
        services.AddSingleton<LimitStore>();
        services.AddSingleton<LimitUsage>();
        services.AddSingleton<PriceStore>();
        services.AddSingleton<PriceImportStore>();
        services.AddSingleton<SeedCache>();
        services.AddSingleton<SnapshotStore>();
        services.AddSingleton<SnapshotCache>();
        services.AddSingleton<IEventsNeeded, EventsForLimits>();
    }

    public static void MapCustomers(this WebApplication app)
    {
        app.MapCustomerEndpoints();
        app.MapTeams();
        app.MapUsers();
        app.MapApiKeys();
        app.MapLimits();
        app.MapPrices();
        app.MapPriceImport();
        app.MapSnapshot();
    }
}
