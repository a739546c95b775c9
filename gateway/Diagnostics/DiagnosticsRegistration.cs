using OpenTelemetry.Metrics;
using OpenTelemetry.Resources;

namespace Quota.Gateway.Diagnostics;

/// <summary>Metrics, and the admin port.</summary>
internal static class DiagnosticsRegistration
{
    public static IServiceCollection AddDiagnostics(this IServiceCollection services)
    {
        services.AddSingleton<GatewayMetrics>();
        services.AddOpenTelemetry().ConfigureResource(resource => resource.AddService("quota-gateway")).WithMetrics(metrics => metrics.AddMeter(GatewayMetrics.Name, "System.Runtime").AddPrometheusExporter());
        return services;
    }
}
