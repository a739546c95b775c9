using Quota.Billing.Http;

namespace Quota.Billing.Customers;

/// <summary><c>/api/v1/customers/{org}/teams</c>.</summary>
internal static class TeamEndpoints
{
    public static void MapTeams(this WebApplication app)
    {
        var teams = app.MapGroup("/api/v1/customers/{org}/teams");
        teams.MapPost("", Create);
        teams.MapGet("", List);
        teams.MapGet("/{team}", Get);
        teams.MapPut("/{team}", Change);
        teams.MapDelete("/{team}", Delete);
    }

    private static async Task<IResult> Create(string org, JsonBody body, CustomerStore customers, TeamStore store)
    {
        if (await customers.FindAsync(org) is not { } customer)
            return ApiErrors.NotFound("customer");
        var input = body.Root("team");
        var team = input.RequiredText("external_id");
        return await SaveAsync(customer, input, team, await store.FindAsync(org, team), store);
    }

    private static async Task<IResult> Change(string org, string team, JsonBody body, CustomerStore customers, TeamStore store)
    {
        if (await customers.FindAsync(org) is not { } customer)
            return ApiErrors.NotFound("customer");
        if (await store.FindAsync(org, team) is not { } current)
            return ApiErrors.NotFound("team");
        var input = body.Root("team");
        if (input.Text("external_id") is { } other && other != team)
            input.Refuse("external_id", "cannot be changed");
        return await SaveAsync(customer, input, team, current, store);
    }

    /// <summary>What is not sent stays as it is, and is empty on a new team.</summary>
    private static async Task<IResult> SaveAsync(Customer customer, Input input, string team, Team? current, TeamStore store)
    {
        var name = input.Mentions("name") ? input.Text("name") : current?.Name;
        if (!input.Validation.IsValid)
            return ApiErrors.Unprocessable(input.Validation);
        await store.SaveAsync(customer, team, name);
        return Answer(await store.FindAsync(customer.ExternalId, team));
    }

    private static async Task<IResult> List(string org, Paging paging, CustomerStore customers, TeamStore store)
    {
        if (await customers.FindAsync(org) is null)
            return ApiErrors.NotFound("customer");
        var (items, total) = await store.ListAsync(org, paging.Offset, paging.Limit);
        return Answers.Page("teams", items, paging, total);
    }

    private static async Task<IResult> Get(string org, string team, TeamStore store) => Answer(await store.FindAsync(org, team));

    private static async Task<IResult> Delete(string org, string team, TeamStore store)
    {
        var found = await store.FindAsync(org, team);
        if (found is not null)
            await store.DeleteAsync(found);
        return Answer(found);
    }

    private static IResult Answer(Team? team) => team is null ? ApiErrors.NotFound("team") : Answers.One("team", team);
}
