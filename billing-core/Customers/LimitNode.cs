using Quota.Billing.Http;

namespace Quota.Billing.Customers;

/// <summary>The one org, team, user or key that a limit's scope names, or below which each child is limited.</summary>
/// <param name="Ancestors">What the node belongs to now, by internal id: its team, its user, its customer.</param>
/// <param name="Each">What below the node has the limit, each for itself; null: the node.</param>
internal sealed record LimitNode(Customer Customer, string Kind, Guid Id, IReadOnlyList<Guid> Ancestors, string? Each)
{
    /// <summary>Null after the mistakes were noted: unknown names, or more than one node below the org.</summary>
    public static async Task<LimitNode?> FindAsync(Input scope, CustomerStore customers, TeamStore teams, UserStore users, ApiKeyStore keys)
    {
        scope.RefuseOthersThan("external_customer_id", "external_team_id", "external_user_id", "api_key_id", "each");
        var org = scope.RequiredText("external_customer_id");
        var (team, user, key) = (scope.Text("external_team_id"), scope.Text("external_user_id"), scope.Text("api_key_id"));
        if (new[] { team, user, key }.Count(name => name is not null) > 1)
            scope.Refuse("external_customer_id", "only one of external_team_id, external_user_id and api_key_id may be named: the node that is limited");
        var each = ReadEach(scope, team is not null ? NodeKinds.Team : user is not null ? NodeKinds.User : key is not null ? NodeKinds.Key : NodeKinds.Org);
        if (scope.HasMistakes)
            return null;
        if (await customers.FindAsync(org) is not { } customer)
        {
            scope.Refuse("external_customer_id", "customer_not_found");
            return null;
        }
        var found = team is not null ? await TeamAsync(customer, team, teams)
            : user is not null ? await UserAsync(customer, user, teams, users)
            : key is not null ? await KeyAsync(customer, key, teams, users, keys)
            : new LimitNode(customer, NodeKinds.Org, customer.Id, [], null);
        if (found is null)
            scope.Refuse(team is not null ? "external_team_id" : user is not null ? "external_user_id" : "api_key_id",
                team is not null ? "team_not_found" : user is not null ? "user_not_found" : "api_key_not_found");
        return found is null ? null : found with { Each = each };
    }

    private static string? ReadEach(Input scope, string kind)
    {
        if (scope.Text("each") is not { } each)
            return null;
        var below = NodeKinds.Below(kind);
        if (!below.Contains(each))
            scope.Refuse("each", below.Count == 0 ? "a key has nothing below it; leave it out" : $"'{each}' is not below {kind}; use {string.Join(", ", below)}");
        return each;
    }

    private static async Task<LimitNode?> TeamAsync(Customer customer, string name, TeamStore teams) =>
        await teams.FindAsync(customer.ExternalId, name) is { } team ? new LimitNode(customer, NodeKinds.Team, team.Id, [customer.Id], null) : null;

    private static async Task<LimitNode?> UserAsync(Customer customer, string name, TeamStore teams, UserStore users)
    {
        if (await users.FindAsync(customer.ExternalId, name) is not { } user)
            return null;
        var team = user.ExternalTeamId is { } itsTeam ? await teams.FindAsync(customer.ExternalId, itsTeam) : null;
        return new LimitNode(customer, NodeKinds.User, user.Id, [customer.Id, .. Ids(team?.Id)], null);
    }

    private static async Task<LimitNode?> KeyAsync(Customer customer, string text, TeamStore teams, UserStore users, ApiKeyStore keys)
    {
        var org = customer.ExternalId;
        if (!Guid.TryParse(text, out var id) || await keys.FindAsync(id, org) is not { RevokedAt: null } key)
            return null;
        var team = key.ExternalTeamId is { } itsTeam ? await teams.FindAsync(org, itsTeam) : null;
        var user = key.ExternalUserId is { } itsUser ? await users.FindAsync(org, itsUser) : null;
        return new LimitNode(customer, NodeKinds.Key, key.Id, [customer.Id, .. Ids(team?.Id), .. Ids(user?.Id)], null);
    }

    private static IEnumerable<Guid> Ids(Guid? id) => id is { } known ? [known] : [];
}

/// <summary>The kinds of nodes, from the widest to the narrowest.</summary>
internal static class NodeKinds
{
    public const string Org = "org", Team = "team", User = "user", Key = "key";

    private static readonly string[] All = [Org, Team, User, Key];

    public static IReadOnlyList<string> Below(string kind) => All[(Array.IndexOf(All, kind) + 1)..];
}
