using Quota.Billing.Http;

namespace Quota.Billing.Customers;

/// <summary>
/// <c>/api/v1/limits</c>. A code is unique in its org only, so routes with a code take <c>?external_customer_id=</c>, which may be
/// left out while no other org uses the code.
/// </summary>
internal static class LimitEndpoints
{
    public static void MapLimits(this WebApplication app)
    {
        var limits = app.MapGroup("/api/v1/limits");
        limits.MapPost("", Save);
        limits.MapGet("", List);
        limits.MapGet("/{code}", Get);
        limits.MapPut("/{code}", Change);
        limits.MapDelete("/{code}", Delete);
    }

    private static async Task<IResult> Save(
        JsonBody body, CustomerStore customers, TeamStore teams, UserStore users, ApiKeyStore keys, LimitStore store, LimitUsage usage)
    {
        var input = body.Root("limit");
        return await SaveAsync(input, input.RequiredText("code"), customers, teams, users, keys, store, usage);
    }

    private static async Task<IResult> Change(
        string code, JsonBody body, CustomerStore customers, TeamStore teams, UserStore users, ApiKeyStore keys, LimitStore store, LimitUsage usage)
    {
        var input = body.Root("limit");
        if (input.Text("code") is { } other && other != code)
            input.Refuse("code", "cannot be changed");
        var org = input.Object("scope")?.Text("external_customer_id");
        if (org is not null && (await store.FindAsync(org, code)).Count == 0)
            return ApiErrors.NotFound("limit");
        return await SaveAsync(input, code, customers, teams, users, keys, store, usage);
    }

    private static async Task<IResult> SaveAsync(
        Input input, string code, CustomerStore customers, TeamStore teams, UserStore users, ApiKeyStore keys, LimitStore store, LimitUsage usage)
    {
        var scope = input.RequiredObject("scope");
        // A missing scope is already reported; its fields would only repeat that.
        var node = input.Object("scope") is null ? null : await LimitNode.FindAsync(scope, customers, teams, users, keys);
        if (LimitInput.Read(input, code, node) is { } change)
            await store.SaveAsync(change, input);
        if (!input.Validation.IsValid)
            return ApiErrors.Unprocessable(input.Validation);
        return await store.FindAsync(node!.Customer.ExternalId, code) is [var saved]
            ? Answers.One("limit", LimitAnswer.OfChange(saved, await usage.ReadAsync(saved))) : ApiErrors.NotFound("limit");
    }

    private static async Task<IResult> List(HttpRequest request, Paging paging, LimitStore store, LimitUsage usage)
    {
        var (items, total) = await store.ListAsync(Org(request), paging.Offset, paging.Limit);
        return Answers.Page("limits", [.. items.Zip(await usage.ReadAsync(items), LimitAnswer.Of)], paging, total);
    }

    private static async Task<IResult> Get(string code, HttpRequest request, LimitStore store, LimitUsage usage) =>
        await store.FindAsync(Org(request), code) switch
        {
            [] => ApiErrors.NotFound("limit"),
            [var limit] => await AnswerAsync(limit, usage),
            _ => Ambiguous(),
        };

    private static async Task<IResult> Delete(string code, HttpRequest request, LimitStore store, LimitUsage usage)
    {
        switch (await store.FindAsync(Org(request), code))
        {
            case []:
                return ApiErrors.NotFound("limit");
            case [var limit]:
                var overriding = await store.DeleteAsync(limit);
                return overriding.Count == 0 ? await AnswerAsync(limit, usage)
                    : ApiErrors.Unprocessable("code", $"'{code}' is overridden by {string.Join(", ", overriding)}; delete those first");
            default:
                return Ambiguous();
        }
    }

    private static IResult Ambiguous() => ApiErrors.Unprocessable("external_customer_id", Mistake.Mandatory);

    private static string? Org(HttpRequest request) => request.Query["external_customer_id"].FirstOrDefault();

    private static async Task<IResult> AnswerAsync(Limit limit, LimitUsage usage) => Answers.One("limit", LimitAnswer.Of(limit, await usage.ReadAsync(limit)));
}
