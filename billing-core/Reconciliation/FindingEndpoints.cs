using Quota.Billing.Http;

namespace Quota.Billing.Reconciliation;

/// <summary><c>GET /api/v1/findings?kind=&amp;subject=</c></summary>
internal static class FindingEndpoints
{
    public static void MapFindings(this WebApplication app) => app.MapGet("/api/v1/findings", List);

    private static async Task<IResult> List(string? kind, string? subject, Paging paging, FindingStore store)
    {
        if (kind is not null && !FindingKind.All.Contains(kind))
            return ApiErrors.Unprocessable("kind", $"'{kind}' is not one of {string.Join(", ", FindingKind.All)}");
        var (items, total) = await store.ListAsync(kind, subject, paging.Offset, paging.Limit);
        return Answers.Page("findings", items, paging, total);
    }
}
