namespace Quota.Billing.Facts;

/// <summary>The door of this room: what gateways tell of limits' counters, kept once and listed.</summary>
internal static class FactsRegistration
{
    public static void AddFacts(this IServiceCollection services) => services.AddSingleton<FactStore>();

    public static void MapFacts(this WebApplication app) => app.MapFactEndpoints();
}
