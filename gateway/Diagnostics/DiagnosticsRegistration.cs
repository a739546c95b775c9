using OpenTelemetry.Metrics;

namespace Quota.Gateway.Diagnostics;

/// <summary>Metrics, and the admin port.</summary>
internal static class DiagnosticsRegistration
{
    public static IServiceCollection AddDiagnostics(this IServiceCollection services)
    {
        services.AddSingleton<GatewayMetrics>();
        services.AddOpenTelemetry().WithMetrics(metrics => metrics.AddMeter(GatewayMetrics.Name).AddPrometheusExporter());
        return services;
    }
}
