using Quota.Billing.Http;

namespace Quota.Billing.Customers;

/// <summary><c>/api/v1/customers/{org}/users</c>.</summary>
internal static class UserEndpoints
{
    public static void MapUsers(this WebApplication app)
    {
        var users = app.MapGroup("/api/v1/customers/{org}/users");
        users.MapPost("", Create);
        users.MapGet("", List);
        users.MapGet("/{user}", Get);
        users.MapPut("/{user}", Change);
        users.MapDelete("/{user}", Delete);
    }

    private static async Task<IResult> Create(string org, JsonBody body, CustomerStore customers, TeamStore teams, UserStore store)
    {
        if (await customers.FindAsync(org) is not { } customer)
            return ApiErrors.NotFound("customer");
        var input = body.Root("user");
        var user = input.RequiredText("external_id");
        // May be there already: a user who is posted again must not fall out of the team, and of its limits, for not naming it.
        return await SaveAsync(customer, input, user, await store.FindAsync(org, user), teams, store);
    }

    private static async Task<IResult> Change(string org, string user, JsonBody body, CustomerStore customers, TeamStore teams, UserStore store)
    {
        if (await customers.FindAsync(org) is not { } customer)
            return ApiErrors.NotFound("customer");
        if (await store.FindAsync(org, user) is not { } current)
            return ApiErrors.NotFound("user");
        var input = body.Root("user");
        if (input.Text("external_id") is { } other && other != user)
            input.Refuse("external_id", "cannot be changed");
        return await SaveAsync(customer, input, user, current, teams, store);
    }

    /// <summary>What is not sent stays as it is, and is empty on a new user.</summary>
    private static async Task<IResult> SaveAsync(Customer customer, Input input, string user, User? current, TeamStore teams, UserStore store)
    {
        var name = input.Mentions("name") ? input.Text("name") : current?.Name;
        var email = input.Mentions("email") ? input.Text("email") : current?.Email;
        var teamName = input.Mentions("external_team_id") ? input.Text("external_team_id") : current?.ExternalTeamId;
        var team = teamName is null ? null : await teams.FindAsync(customer.ExternalId, teamName);
        if (teamName is not null && team is null)
            input.Refuse("external_team_id", "team_not_found");
        if (!input.Validation.IsValid)
            return ApiErrors.Unprocessable(input.Validation);
        await store.SaveAsync(customer, user, team?.Id, name, email);
        return Answer(await store.FindAsync(customer.ExternalId, user));
    }

    private static async Task<IResult> List(string org, Paging paging, CustomerStore customers, UserStore store)
    {
        if (await customers.FindAsync(org) is null)
            return ApiErrors.NotFound("customer");
        var (items, total) = await store.ListAsync(org, paging.Offset, paging.Limit);
        return Answers.Page("users", items, paging, total);
    }

    private static async Task<IResult> Get(string org, string user, UserStore store) => Answer(await store.FindAsync(org, user));

    private static async Task<IResult> Delete(string org, string user, UserStore store)
    {
        var found = await store.FindAsync(org, user);
        if (found is not null)
            await store.DeleteAsync(found);
        return Answer(found);
    }

    private static IResult Answer(User? user) => user is null ? ApiErrors.NotFound("user") : Answers.One("user", user);
}
