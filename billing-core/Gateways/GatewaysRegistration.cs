using Quota.Shared.Hosting;

namespace Quota.Billing.Gateways;

/// <summary>The door of this room: which gateways there are, and which are gone for good.</summary>
internal static class GatewaysRegistration
{
    public static void AddGateways(this IServiceCollection services, IConfiguration settings, SettingsReport report) =>
        services.AddSingleton(GatewaysOptions.Read(new Settings(settings, report))).AddSingleton<GatewayStore>();

    public static void MapGateways(this WebApplication app) => app.MapGatewayEndpoints();
}
