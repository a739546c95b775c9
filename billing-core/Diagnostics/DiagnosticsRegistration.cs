using Npgsql;
using OpenTelemetry.Metrics;
using Quota.Billing.Http;

namespace Quota.Billing.Diagnostics;

/// <summary>The door of this room: <c>/healthz</c>, <c>/readyz</c>, and <c>/metrics</c> in Prometheus' text, behind the admin key.</summary>
internal static class DiagnosticsRegistration
{
    public static void AddDiagnostics(this IServiceCollection services)
    {
        services.AddSingleton<BillingMetrics>();
        services.AddOpenTelemetry().WithMetrics(metrics => metrics
            .AddMeter(BillingMetrics.MeterName, "Microsoft.AspNetCore.Hosting", "Npgsql", "System.Runtime")
            .AddPrometheusExporter());
    }

    public static void MapDiagnostics(this WebApplication app)
    {
        app.MapGet("/healthz", () => Results.Ok(new Health("alive"))).AllowAnonymous();
        app.MapGet("/readyz", ReadyAsync).AllowAnonymous();
        app.MapPrometheusScrapingEndpoint("/metrics");
    }

    /// <summary>The port opens after migrations and keys, so what is left to ask is whether the database answers.</summary>
    private static async Task<IResult> ReadyAsync(NpgsqlDataSource database, CancellationToken cancel)
    {
        try
        {
            await using var command = database.CreateCommand("select 1");
            await command.ExecuteScalarAsync(cancel);
            return Results.Ok(new Health("ready"));
        }
        catch (NpgsqlException)
        {
            return ApiErrors.Busy(StatusCodes.Status503ServiceUnavailable, TimeSpan.FromSeconds(1), "database_unavailable");
        }
    }

    private sealed record Health(string Status);
}
