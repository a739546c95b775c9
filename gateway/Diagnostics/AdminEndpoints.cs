using System.Text.Json;
using Quota.Gateway.ControlPlane;
using Quota.Gateway.Limits;
using Quota.Gateway.Spool;
using Quota.Shared.Amounts;
using StackExchange.Redis;

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
            ("GET", "/admin/limits") => LimitsAsync(context),
            _ => WriteAsync(context, 404, json => json.WriteString("error", "use /healthz, /readyz, /metrics or /admin/limits")),
        });
    }

    private static Task ReadyAsync(HttpContext context)
    {
        var services = context.RequestServices;
        var control = services.GetRequiredService<CurrentControl>();
        var (snapshot, redis) = (control.Now is not null && !control.IsStale, services.GetRequiredService<QuotaStore>().IsConnected);
        var spool = services.GetRequiredService<SpoolRecovery>().IsDone && services.GetRequiredService<CallSpool>().Refuses() is null;
        return WriteAsync(context, snapshot && redis && spool ? 200 : 503, json =>
        {
            json.WriteBoolean("snapshot", snapshot);
            json.WriteBoolean("redis", redis);
            json.WriteBoolean("spool", spool);
        });
    }

    private static async Task LimitsAsync(HttpContext context)
    {
        var store = context.RequestServices.GetRequiredService<QuotaStore>();
        var scope = context.Request.Query["scope"].ToString();
        List<(Limit Limit, long Used, long Held)> rows = [];
        try
        {
            foreach (var limit in context.RequestServices.GetRequiredService<CurrentControl>().Now?.Limits ?? [])
            {
                if (scope.Length > 0 && limit.Scope != scope && !limit.Scope.StartsWith(scope + "/", StringComparison.Ordinal))
                    continue;
                var (used, held) = await store.ReadCounterAsync(limit);
                rows.Add((limit, used, held));
            }
        }
        catch (Exception problem) when (problem is RedisException or TimeoutException)
        {
            await WriteAsync(context, 503, json => json.WriteString("error", "the counter store does not answer"));
            return;
        }
        await WriteAsync(context, 200, json =>
        {
            json.WriteStartArray("limits");
            foreach (var (limit, used, held) in rows)
                Write(json, limit, used, held);
            json.WriteEndArray();
        });
    }

    private static void Write(Utf8JsonWriter json, Limit limit, long used, long held)
    {
        string Number(long amount) => limit.Terms.IsMoney ? NanoUnits.ToText(amount, Currency.Parse(limit.Terms.Currency!)) : amount.ToString(CultureInfo.InvariantCulture);
        json.WriteStartObject();
        json.WriteString("limit", limit.Code);
        json.WriteString("scope", limit.Scope);
        json.WriteString("meter", limit.Terms.Meter);
        json.WriteString("window", limit.IsRate ? $"rate/{limit.Terms.Window.Every}" : limit.Terms.Window.Kind);
        json.WriteString("amount", Number(limit.MostAtOnce));
        json.WriteString("used", Number(used));
        json.WriteString("held", Number(held));
        json.WriteString("remaining", Number(Math.Max(0, limit.MostAtOnce - used - held)));
        json.WriteEndObject();
    }

    private static async Task WriteAsync(HttpContext context, int status, Action<Utf8JsonWriter> write)
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
