using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text.Json;
using Quota.Billing.Access;
using Quota.Billing.Http;
using Quota.Billing.Subscriptions;

namespace Quota.Billing.Customers;

/// <summary><c>/api/v1/api_keys</c>: made with the secret shown once, listed without, revoked.</summary>
internal static class ApiKeyEndpoints
{
    /// <summary>256 random bits; 43 url-safe characters.</summary>
    private const int SecretBytes = 32;

    private const int PrefixLength = 8;
    private const int MaxModels = 200;
    private const int MaxMetadata = 20;
    private const int MaxMetadataName = 64;
    private const int MaxMetadataText = 256;

    public static void MapApiKeys(this WebApplication app)
    {
        var keys = app.MapGroup("/api/v1/api_keys");
        keys.MapPost("", Create);
        keys.MapGet("", List);
        keys.MapGet("/{id:guid}", Get);
        keys.MapDelete("/{id:guid}", Revoke);
    }

    private static async Task<IResult> Create(
        JsonBody body, CustomerStore customers, TeamStore teams, UserStore users, SubscriptionStore subscriptions, ApiKeyStore store,
        CoreKeys coreKeys, TimeProvider clock)
    {
        var input = body.Root("api_key");
        var node = await NodeAsync(input, customers, teams, users);
        await RefuseForeignSubscriptionAsync(input, subscriptions);
        var secret = "qk_" + Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(SecretBytes));
        var now = clock.GetUtcNow();
        var key = new NewApiKey(
            Guid.CreateVersion7(now), node.CustomerId, node.TeamId, node.UserId, input.Text("external_subscription_id"), input.Text("name"),
            secret[..PrefixLength], CoreKeys.Hash(coreKeys.Pepper, secret), input.Text("environment"),
            [.. input.Texts("allowed_models", MaxModels)], ReadExpiry(input, now),
            JsonSerializer.Serialize(input.TextMap("metadata", MaxMetadata, MaxMetadataName, MaxMetadataText)), now);
        if (!input.Validation.IsValid)
            return ApiErrors.Unprocessable(input.Validation);
        if (!await store.AddAsync(key))
            return key.UserId is null ? ApiErrors.Unprocessable("external_team_id", "team_not_found") : ApiErrors.Unprocessable("external_user_id", "user_not_found");
        var made = JsonSerializer.SerializeToNode(await store.FindAsync(key.Id), JsonFormats.Options)!.AsObject();
        made.Insert(1, "secret", secret);
        return Answers.One("api_key", made);
    }

    private static async Task<IResult> List(HttpRequest request, Paging paging, ApiKeyStore store)
    {
        var org = request.Query["external_customer_id"].FirstOrDefault();
        var (items, total) = await store.ListAsync(org, paging.Offset, paging.Limit);
        return Answers.Page("api_keys", items, paging, total);
    }

    private static async Task<IResult> Get(Guid id, ApiKeyStore store) => Answer(await store.FindAsync(id));

    private static async Task<IResult> Revoke(Guid id, ApiKeyStore store)
    {
        await store.RevokeAsync(id);
        return Answer(await store.FindAsync(id));
    }

    private static IResult Answer(ApiKey? key) => key is null ? ApiErrors.NotFound("api_key") : Answers.One("api_key", key);

    /// <summary>Whose key it is. A user's key that names no team goes with the user from team to team.</summary>
    private static async Task<(Guid CustomerId, Guid? TeamId, Guid? UserId)> NodeAsync(
        Input input, CustomerStore customers, TeamStore teams, UserStore users)
    {
        var org = input.RequiredText("external_customer_id");
        var (teamName, userName) = (input.Text("external_team_id"), input.Text("external_user_id"));
        if (!input.Validation.IsValid)
            return default;
        if (await customers.FindAsync(org) is not { } customer)
        {
            input.Refuse("external_customer_id", "customer_not_found");
            return default;
        }
        var user = userName is null ? null : await users.FindAsync(org, userName);
        if (userName is not null && user is null)
            input.Refuse("external_user_id", "user_not_found");
        var team = teamName is null ? null : await teams.FindAsync(org, teamName);
        if (teamName is not null && team is null)
            input.Refuse("external_team_id", "team_not_found");
        return (customer.Id, team?.Id, user?.Id);
    }

    /// <summary>
    /// A key may come before its subscription, so one that does not exist is taken; metering looks again at whose event it is. Compared
    /// by external id: a customer who was deleted and made again may take the names of old subscriptions.
    /// </summary>
    private static async Task RefuseForeignSubscriptionAsync(Input input, SubscriptionStore subscriptions)
    {
        if (input.Text("external_subscription_id") is not { } name || await subscriptions.FindAsync(name) is not { } subscription
            || subscription.ExternalCustomerId == input.Text("external_customer_id"))
            return;
        input.Refuse("external_subscription_id", Mistake.Invalid);
        input.Refuse("external_subscription_id", "is the subscription of another customer");
    }

    private static DateTimeOffset? ReadExpiry(Input input, DateTimeOffset now)
    {
        var expiry = input.Time("expires_at");
        if (expiry <= now)
            input.Refuse("expires_at", $"lies in the past; it is {JsonFormats.Text(now)}");
        return expiry;
    }
}
