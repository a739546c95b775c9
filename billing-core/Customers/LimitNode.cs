using Quota.Billing.Http;

namespace Quota.Billing.Customers;

/// <summary>The one org, team, user or key that a limit's scope names.</summary>
internal sealed record LimitNode(Customer Customer, string Kind, Guid Id)
{
    /// <summary>Null after the mistakes were noted: unknown names, or more than one node below the org.</summary>
    public static async Task<LimitNode?> FindAsync(Input scope, CustomerStore customers, TeamStore teams, UserStore users, ApiKeyStore keys)
    {
        scope.RefuseUnbuilt("each");
        var org = scope.RequiredText("external_customer_id");
        var (team, user, key) = (scope.Text("external_team_id"), scope.Text("external_user_id"), scope.Text("api_key_id"));
        if (new[] { team, user, key }.Count(name => name is not null) > 1)
            scope.Refuse("external_customer_id", "only one of external_team_id, external_user_id and api_key_id may be named: the node that is limited");
        if (!scope.Validation.IsValid)
            return null;
        if (await customers.FindAsync(org) is not { } customer)
        {
            scope.Refuse("external_customer_id", "customer_not_found");
            return null;
        }
        if (team is not null)
            return Found(scope, customer, "team", "external_team_id", (await teams.FindAsync(org, team))?.Id);
        if (user is not null)
            return Found(scope, customer, "user", "external_user_id", (await users.FindAsync(org, user))?.Id);
        if (key is null)
            return new LimitNode(customer, "org", customer.Id);
        var found = Guid.TryParse(key, out var id) ? await keys.FindAsync(id, org) : null;
        return Found(scope, customer, "key", "api_key_id", found is { RevokedAt: null } ? found.Id : null);
    }

    private static LimitNode? Found(Input scope, Customer customer, string kind, string field, Guid? id)
    {
        if (id is { } node)
            return new LimitNode(customer, kind, node);
        scope.Refuse(field, (kind == "key" ? "api_key" : kind) + "_not_found");
        return null;
    }
}
