using System.Text.Json;
using Quota.Billing.Access;
using Quota.Billing.Diagnostics;
using Quota.Billing.Http;
using Quota.Shared.Usage;

namespace Quota.Billing.Ingest;

/// <summary><c>POST /internal/v1/usage</c>: what gateways ship. A batch is stored as a whole, and each of its events gets an answer.</summary>
internal static class UsageEndpoint
{
    public static RouteHandlerBuilder MapUsage(this WebApplication app) =>
        app.MapPost("/internal/v1/usage", Ship).RequireAuthorization(AccessRegistration.Gateways);

    private static async Task<IResult> Ship(
        HttpContext context, GatewayEventStore store, IngestOptions options, BillingMetrics metrics, TimeProvider clock, ILogger<GatewayEventStore> log, CancellationToken cancel)
    {
        var started = clock.GetTimestamp();
        using var body = await RequestBytes.ReadAsync(context, options.MaxBodyBytes);
        var validation = new Validation();
        if (Read(body, validation, options.KeepUsageRaw) is not { } batch)
            return ApiErrors.Unprocessable(validation);
        var results = await store.StoreAsync(batch, cancel);
        metrics.BatchStored(clock.GetElapsedTime(started));
        Report(batch, results, metrics, log);
        return Results.Json(new ShipAnswer(results), UsageJson.Default.ShipAnswer);
    }

    private static GatewayBatch? Read(RequestBytes body, Validation validation, bool keepsRaw)
    {
        try
        {
            return GatewayBatch.Read(body.Memory, validation, keepsRaw);
        }
        // InvalidOperationException: a name or text that is no Unicode.
        catch (Exception error) when (error is JsonException or InvalidOperationException)
        {
            throw new BadHttpRequestException($"the body is not usable JSON: {error.Message}", error);
        }
    }

    private static void Report(GatewayBatch batch, IReadOnlyList<ShipResult> results, BillingMetrics metrics, ILogger log)
    {
        foreach (var group in results.CountBy(result => result.Status))
            metrics.EventsReceived("gateway", group.Key, group.Value);
        var faults = results.Where(result => result.Status is ShipStatus.Conflict or ShipStatus.Rejected).ToList();
        if (faults.Count > 0)
        {
            var conflicts = faults.Count(fault => fault.Status == ShipStatus.Conflict);
            Log.BatchHasFaults(log, batch.Instance, conflicts, faults.Count - conflicts, $"{faults[0].Id} {faults[0].Reason}");
        }
        if (batch.UnusableSettled > 0)
            Log.SettledUnusable(log, batch.Instance, batch.UnusableSettled);
    }
}
