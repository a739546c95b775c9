namespace Quota.Billing.Tests.Customers;

public sealed class ApiKeyTests(SharedBillingApp shared) : IClassFixture<SharedBillingApp>
{
    private readonly BillingApp _app = shared.App;

    [Fact]
    public async Task The_secret_is_shown_once()
    {
        await _app.PostAsync("/api/v1/customers", new { customer = new { external_id = "keys" } });
        var made = (await _app.PostAsync("/api/v1/api_keys", new
        {
            api_key = new { external_customer_id = "keys", name = "laptop", environment = "dev", allowed_models = new[] { "gpt-*" }, metadata = new { owner = "ada" } },
        })).ShouldBe(200);
        var (id, secret) = (made.At("api_key.id")!, made.At("api_key.secret")!);
        secret.ShouldMatch("^qk_[A-Za-z0-9_-]{43}$");
        made.At("api_key.prefix").ShouldBe(secret[..8]);
        made.At("api_key.metadata.owner").ShouldBe("ada");

        foreach (var path in new[] { $"/api/v1/api_keys/{id}", "/api/v1/api_keys?external_customer_id=keys" })
        {
            var shown = (await _app.GetAsync(path)).ShouldBe(200);
            shown.Text.ShouldNotContain(secret[8..]);
            shown.Text.ShouldNotContain("hash");
            shown.Text.ShouldNotContain("secret");
            shown.Text.ShouldContain(secret[..8]);
        }
        var everything = await _app.ScalarAsync<string>("select string_agg(k::text, ' ') from api_keys k");
        everything.ShouldNotContain(secret[8..]);
    }

    [Fact]
    public async Task Revoking_is_final_and_may_be_repeated()
    {
        await _app.PostAsync("/api/v1/customers", new { customer = new { external_id = "revoke" } });
        var id = (await _app.PostAsync("/api/v1/api_keys", new { api_key = new { external_customer_id = "revoke" } })).ShouldBe(200).At("api_key.id");
        var first = (await _app.DeleteAsync($"/api/v1/api_keys/{id}")).ShouldBe(200).At("api_key.revoked_at");
        first.ShouldNotBeNull();
        (await _app.DeleteAsync($"/api/v1/api_keys/{id}")).ShouldBe(200).At("api_key.revoked_at").ShouldBe(first);
        (await _app.DeleteAsync($"/api/v1/api_keys/{Guid.Empty}")).ShouldBe(404).At("code").ShouldBe("api_key_not_found");
        (await _app.GetAsync("/api/v1/api_keys/no-uuid")).ShouldBe(404);
    }

    [Fact]
    public async Task Names_no_subscription_of_another_customer()
    {
        foreach (var id in new[] { "owner", "stranger" })
            (await _app.PostAsync("/api/v1/customers", new { customer = new { external_id = id } })).ShouldBe(200);
        (await _app.PostAsync("/api/v1/plans", new { plan = new { name = "P", code = "p", interval = "monthly", amount_cents = 1, amount_currency = "USD" } })).ShouldBe(200);
        (await _app.PostAsync("/api/v1/subscriptions", new { subscription = new { external_customer_id = "owner", plan_code = "p", external_id = "owned" } })).ShouldBe(200);
        var refused = (await Make("stranger", "owned")).ShouldBe(422);
        refused.At("error_details.external_subscription_id.0").ShouldBe("value_is_invalid");
        refused.At("error_details.external_subscription_id.1")!.ShouldContain("another customer");
        (await Make("owner", "owned")).ShouldBe(200).At("api_key.external_subscription_id").ShouldBe("owned");
        (await Make("stranger", "comes-later")).ShouldBe(200);

        Task<JsonAnswer> Make(string customer, string subscription) => _app.PostAsync("/api/v1/api_keys", new
        {
            api_key = new { external_customer_id = customer, external_subscription_id = subscription },
        });
    }

    [Fact]
    public async Task All_mistakes_come_at_once()
    {
        await _app.PostAsync("/api/v1/customers", new { customer = new { external_id = "mist" } });
        var answer = (await _app.PostAsync("/api/v1/api_keys", """
            {"api_key":{"external_customer_id":"mist","external_user_id":"nobody","external_team_id":"nowhere","name":"a\u0000b",
             "allowed_models":["ok",7],"expires_at":"2001-01-01","metadata":{"x":"\ud800"}}}
            """)).ShouldBe(422);
        answer["error_details"].EnumerateObject().Select(property => property.Name).Order()
            .ShouldBe(["allowed_models", "expires_at", "external_team_id", "external_user_id", "metadata", "name"]);
        (await _app.PostAsync("/api/v1/api_keys", new { api_key = new { external_customer_id = "ghost" } })).ShouldBe(422)
            .At("error_details.external_customer_id.0").ShouldBe("customer_not_found");
    }

    [Fact]
    public async Task Metadata_is_text_and_bounded_because_limits_select_by_it()
    {
        await _app.PostAsync("/api/v1/customers", new { customer = new { external_id = "meta" } });
        var most = Enumerable.Range(0, 20).ToDictionary(i => new string('k', 62) + $"{i:D2}", _ => new string('v', 256));
        most["\"} \n"] = "";
        most.Remove(new string('k', 62) + "00");
        var made = (await MakeAsync(most)).ShouldBe(200);
        made["api_key.metadata"].EnumerateObject().ToDictionary(entry => entry.Name, entry => entry.Value.GetString()!).ShouldBe(most, ignoreOrder: true);
        var id = Guid.Parse(made.At("api_key.id")!).ToString("N");
        (await _app.SnapshotAsync(one => one.Keys.Any(key => key.Id == id))).Keys.Single(key => key.Id == id).Tags.ShouldBe(most, ignoreOrder: true);

        most["one more"] = "";
        foreach (var bad in new object[] { most, new { n = 7 }, new { n = (string?)null }, new { n = new { } }, "text", new[] { "a" },
            new Dictionary<string, string> { [""] = "" }, new Dictionary<string, string> { [new string('k', 65)] = "" }, new { n = new string('v', 257) } })
            (await MakeAsync(bad)).ShouldBe(422)["error_details"].EnumerateObject().Select(property => property.Name).ShouldBe(["metadata"]);

        Task<JsonAnswer> MakeAsync(object metadata) =>
            _app.PostAsync("/api/v1/api_keys", new { api_key = new { external_customer_id = "meta", metadata } });
    }
}
