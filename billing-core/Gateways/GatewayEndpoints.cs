using Quota.Billing.Http;

namespace Quota.Billing.Gateways;

/// <summary><c>GET /api/v1/gateways</c>, <c>POST /api/v1/gateways/{instance}/lost</c>.</summary>
internal static class GatewayEndpoints
{
    public static void MapGatewayEndpoints(this WebApplication app)
    {
        var gateways = app.MapGroup("/api/v1/gateways");
        gateways.MapGet("", List);
        gateways.MapPost("/{instance}/lost", DeclareLost);
    }

    private static async Task<IResult> List(Paging paging, GatewayStore store)
    {
        var (items, total) = await store.ListAsync(paging.Offset, paging.Limit);
        return Answers.Page("gateways", items, paging, total);
    }

    private static async Task<IResult> DeclareLost(string instance, GatewayStore store, GatewaysOptions options, CancellationToken cancel) => await store.DeclareLostAsync(instance, cancel) switch
    {
        Declaration.Lost it => Answers.One("gateway", it.Gateway),
        Declaration.HeardOf it => ApiErrors.Unprocessable("instance",
            $"'{instance}' was heard of {it.Ago.TotalSeconds:0} s ago, at {it.At:O}; it may be declared lost once nothing was heard of it for {options.LostAfter} (Gateways__LostAfter). "
            + "If its spool folder is there, start it again instead; else stop it and wait"),
        _ => ApiErrors.NotFound("gateway"),
    };
}
