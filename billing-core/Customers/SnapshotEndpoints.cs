using Quota.Billing.Access;
using Quota.Billing.Diagnostics;

namespace Quota.Billing.Customers;

/// <summary><c>GET /internal/v1/snapshot</c> for gateways, with ETag.</summary>
internal static class SnapshotEndpoints
{
    public static void MapSnapshot(this WebApplication app) =>
        app.MapGet("/internal/v1/snapshot", Get).RequireAuthorization(AccessRegistration.Gateways);

    private static async Task<IResult> Get(HttpContext context, SnapshotCache cache, BillingMetrics metrics, CancellationToken cancel)
    {
        var entry = await cache.GetAsync(cancel);
        context.Response.Headers.ETag = entry.ETag;
        context.Response.Headers.CacheControl = "no-cache";
        var unchanged = context.Request.Headers.IfNoneMatch.Any(tags => tags?.Split(',', StringSplitOptions.TrimEntries).Contains(entry.ETag) == true);
        metrics.SnapshotServed(unchanged);
        return unchanged ? Results.StatusCode(StatusCodes.Status304NotModified) : Results.Bytes(entry.Bytes, "application/json");
    }
}
