namespace Quota.Billing.Catalog;

/// <summary>The room's door: what is counted and what is sold.</summary>
internal static class CatalogRegistration
{
    public static void AddCatalog(this IServiceCollection services)
    {
        services.AddSingleton<MetricStore>();
        services.AddSingleton<PlanStore>();
        services.AddSingleton<PlanReader>();
    }

    public static void MapCatalog(this WebApplication app)
    {
        app.MapMetrics();
        app.MapPlans();
    }
}
