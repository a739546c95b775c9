using System.Text.Json;
using Quota.Gateway.ControlPlane;
using Quota.Gateway.Limits;
using Quota.Gateway.Spool;

namespace Quota.Gateway.Diagnostics;

/// <summary>The admin port: alive, ready, metrics, and where the limits stand.</summary>
internal static class AdminEndpoints
{
    public static void MapAdmin(this IApplicationBuilder app)
    {
        app.UseOpenTelemetryPrometheusScrapingEndpoint("/metrics");
        app.Run(context => (context.Request.Method, context.Request.Path.Value) switch
        {
            ("GET", "/healthz") => WriteAsync(context, 200, json => json.WriteString("status", "alive")),
            ("GET", "/readyz") => ReadyAsync(context),
            ("GET", "/admin/limits") => LimitEndpoints.ListAsync(context),
            ("GET", "/admin/set-aside") => SetAsideEndpoint.ShowAsync(context),
            ("POST", "/admin/limits/explain") => LimitEndpoints.ExplainAsync(context),
            ("POST", "/admin/counters/verify") => LimitEndpoints.VerifyAsync(context),
            ("POST", "/admin/counters/rebuild") => LimitEndpoints.RebuildAsync(context),
            _ => WriteAsync(context, 404, json => json.WriteString("error",
                "use GET /healthz, /readyz, /metrics, /admin/limits, /admin/set-aside, or POST /admin/limits/explain, /admin/counters/verify, /admin/counters/rebuild")),
        });
    }

    private static Task ReadyAsync(HttpContext context)
    {
        var services = context.RequestServices;
        var control = services.GetRequiredService<CurrentControl>();
        var (store, policy) = (services.GetRequiredService<QuotaStore>(), services.GetRequiredService<LimitsOptions>().OnRedisDown);
        var snapshot = control.Now is not null && !control.IsStale;
        var closed = store.Unfit ?? (store.IsConnected ? store.Epochs.Select(epoch => epoch.Closed).FirstOrDefault(reason => reason is not null) : "it cannot be reached");
        // With grace or open, calls go on without the store; closed, they do not.
        var redis = closed is null || policy != StoreDownPolicy.Closed;
        var spool = services.GetRequiredService<SpoolRecovery>() is { IsDone: true, HasAsked: true } && services.GetRequiredService<CallSpool>().Refuses() is null;
        return WriteAsync(context, snapshot && redis && spool ? 200 : 503, json =>
        {
            json.WriteBoolean("snapshot", snapshot);
            json.WriteBoolean("redis", redis);
            if (closed is not null)
                json.WriteString("redis_closed", closed);
            json.WriteBoolean("spool", spool);
        });
    }

    public static async Task WriteAsync(HttpContext context, int status, Action<Utf8JsonWriter> write)
    {
        context.Response.StatusCode = status;
        context.Response.ContentType = "application/json";
        using var buffer = new MemoryStream();
        await using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            write(json);
            json.WriteEndObject();
        }
        await context.Response.Body.WriteAsync(buffer.GetBuffer().AsMemory(0, (int)buffer.Length));
    }
}
