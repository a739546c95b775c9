using Quota.Billing.Access;
using Quota.Billing.Http;

namespace Quota.Billing.Facts;

/// <summary><c>POST /internal/v1/facts</c> for gateways, <c>GET /api/v1/limit_facts</c> for people.</summary>
internal static class FactEndpoints
{
    public static void MapFactEndpoints(this WebApplication app)
    {
        app.MapPost("/internal/v1/facts", Tell).RequireAuthorization(AccessRegistration.Gateways);
        app.MapGet("/api/v1/limit_facts", List);
    }

    private static async Task<IResult> Tell(JsonBody body, FactStore store, CancellationToken cancel)
    {
        var input = body.Input;
        var report = FactInput.Read(input);
        if (!input.Validation.IsValid)
            return ApiErrors.Unprocessable(input.Validation);
        await store.AddAsync(report, cancel);
        return Results.NoContent();
    }

    private static async Task<IResult> List(HttpRequest request, Paging paging, FactStore store)
    {
        var (org, limit, kind) = (Filter("external_customer_id"), Filter("limit"), Filter("kind"));
        if (kind is not null && !FactInput.IsKind(kind, out var problem))
            return ApiErrors.Unprocessable("kind", problem);
        var (items, total) = await store.ListAsync(org, limit, kind, paging.Offset, paging.Limit);
        return Answers.Page("limit_facts", items, paging, total);

        string? Filter(string name) => request.Query[name].FirstOrDefault();
    }
}
