using Quota.Billing.Access;
using Quota.Billing.Diagnostics;
using Quota.Billing.Http;
using Quota.Billing.Ingest;
using Quota.Shared.ControlPlane;

namespace Quota.Billing.Customers;

/// <summary><c>GET /internal/v1/snapshot</c> for gateways, with ETag.</summary>
internal static class SnapshotEndpoints
{
    public static void MapSnapshot(this WebApplication app) =>
        app.MapGet("/internal/v1/snapshot", Get).RequireAuthorization(AccessRegistration.Gateways);

    private static async Task<IResult> Get(HttpContext context, SnapshotCache cache, GatewayInstances gateways, BillingMetrics metrics, CancellationToken cancel)
    {
        // Known before it can count: whoever gathers counters later must not leave it out.
        if (context.Request.Headers[ControlSnapshot.Gateway].ToString() is { Length: > 0 } instance)
        {
            if (!GatewayInstances.IsName(instance))
                return ApiErrors.Unprocessable(ControlSnapshot.Gateway, GatewayInstances.Mistake(instance));
            await gateways.SeenAsync(instance, null, cancel, polls: true);
        }
        var entry = await cache.GetAsync(cancel);
        context.Response.Headers.ETag = entry.ETag;
        context.Response.Headers.CacheControl = "no-cache";
        var unchanged = context.Request.Headers.IfNoneMatch.Any(tags => tags?.Split(',', StringSplitOptions.TrimEntries).Contains(entry.ETag) == true);
        metrics.SnapshotServed(unchanged);
        return unchanged ? Results.StatusCode(StatusCodes.Status304NotModified) : Results.Bytes(entry.Bytes, "application/json");
    }
}
