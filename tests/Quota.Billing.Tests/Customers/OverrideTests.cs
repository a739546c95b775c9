using System.Text.Json.Nodes;

namespace Quota.Billing.Tests.Customers;

/// <summary>Limits for each child, and those that replace one for a single child.</summary>
public sealed class OverrideTests(SharedBillingApp shared) : IClassFixture<SharedBillingApp>
{
    private readonly BillingApp _app = shared.App;

    [Theory]
    [InlineData(null, "team", true)]
    [InlineData(null, "user", true)]
    [InlineData(null, "key", true)]
    [InlineData(null, "org", false)]
    [InlineData("external_team_id", "user", true)]
    [InlineData("external_team_id", "key", true)]
    [InlineData("external_team_id", "team", false)]
    [InlineData("external_user_id", "key", true)]
    [InlineData("external_user_id", "user", false)]
    [InlineData("external_user_id", "team", false)]
    [InlineData("api_key_id", "key", false)]
    public async Task Each_is_of_what_lies_below_the_scope(string? node, string each, bool allowed)
    {
        var org = await OrgAsync($"each-{node}-{each}".Replace('_', '-'));
        var answer = await SaveAsync(org, "each", new { meter = "requests" }, Scope(org, node, node == "api_key_id" ? org.Key : node == "external_team_id" ? "red" : "ada", each));
        answer.ShouldBe(allowed ? 200 : 422);
        (allowed ? answer.At("limit.scope.each") : answer.At("error_details", "scope.each")).ShouldNotBeNull();
        if (allowed)
        {
            var shown = await _app.LimitAsync(org.Name, "each");
            shown.Each.ShouldBe(each);
            shown.Seeds.Single().ShouldBe(new(null, shown.Seeds[0].WindowStartMs, 0, 1), "nothing was used before it was counted");
        }
    }

    [Fact]
    public async Task An_override_covers_one_node_of_its_default_and_counts_the_same()
    {
        var org = await OrgAsync("over");
        var terms = new { meter = "cost", window = new { kind = "week", starts_on = "friday", timezone = "Asia/Tokyo" }, selector = new { models = new[] { "b", "a" } } };
        (await SaveAsync(org, "each-user", terms, Scope(org, each: "user"))).ShouldBe(200);
        var made = (await SaveAsync(org, "ada", new
        {
            terms.meter,
            terms.window,
            selector = new { models = new[] { "a", "b" } },
            amount = "500",
            mode = "soft",
            thresholds = new[] { "0.9" },
            hold = "stepwise",
            clamp = false,
            overrides = "each-user",
        }, Scope(org, "external_user_id", "ada"))).ShouldBe(200);
        made.At("limit.overrides").ShouldBe("each-user");
        var shown = await _app.LimitAsync("over", "ada");
        shown.Overrides.ShouldBe("each-user");
        shown.Since.ShouldBe((await _app.LimitAsync("over", "each-user")).Since, "it counts on its default's counters");

        (await _app.DeleteAsync("/api/v1/limits/each-user?external_customer_id=over")).ShouldBe(422).At("error_details.code.0")!.ShouldContain("overridden by ada");
        await RefusedAsync("each-user", new { terms.meter, terms.window }, Scope(org, each: "user"), "selector");
        await RefusedAsync("each-user", terms, Scope(org, each: "key"), "scope.each");
        (await SaveAsync(org, "each-user", new { terms.meter, terms.window, terms.selector, amount = "3" }, Scope(org, each: "user"))).ShouldBe(200);
        (await _app.DeleteAsync("/api/v1/limits/ada?external_customer_id=over")).ShouldBe(200);
        (await _app.DeleteAsync("/api/v1/limits/each-user?external_customer_id=over")).ShouldBe(200);

        async Task RefusedAsync(string code, object change, JsonObject scope, string field) =>
            (await SaveAsync(org, code, change, scope)).ShouldBe(422)["error_details"].EnumerateObject().Select(property => property.Name).ShouldBe([field]);
    }

    [Theory]
    [InlineData("""{"overrides":"none-such"}""", "overrides")]
    [InlineData("""{"overrides":"plain"}""", "overrides")]
    [InlineData("""{"overrides":"each-team"}""", "overrides")]
    [InlineData("""{"overrides":"each-of-blue"}""", "overrides")]
    [InlineData("""{"overrides":"each-user","meter":"input_tokens"}""", "meter")]
    [InlineData("""{"overrides":"each-user","window":{"kind":"day"}}""", "window.kind")]
    [InlineData("""{"overrides":"each-user","window":{"kind":"month","timezone":"Asia/Tokyo"}}""", "window.timezone")]
    [InlineData("""{"overrides":"each-user","window":{"kind":"month","starts_on":"2"}}""", "window.starts_on")]
    [InlineData("""{"overrides":"each-user","window":{"kind":"rate","every":"hour"}}""", "window.every,window.kind")]
    [InlineData("""{"overrides":"each-user","selector":{"models":["x"]}}""", "selector")]
    [InlineData("""{"overrides":"each-user","meter":"concurrency","window":null}""", "meter,window")]
    public async Task What_is_not_an_override_is_refused(string change, string fields)
    {
        var org = await OrgAsync("wrong");
        await SaveAsync(org, "plain", new { meter = "requests" }, Scope(org));
        await SaveAsync(org, "each-team", new { meter = "requests" }, Scope(org, each: "team"));
        await SaveAsync(org, "each-user", new { meter = "requests" }, Scope(org, each: "user"));
        await SaveAsync(org, "each-of-blue", new { meter = "requests" }, Scope(org, "external_team_id", "blue", "user"));
        var limit = LimitTests.Changed("wrong", """{"meter":"requests"}""");
        foreach (var (name, value) in JsonNode.Parse(change)!.AsObject())
            limit[name] = value?.DeepClone();
        limit["scope"] = new JsonObject { ["external_customer_id"] = "wrong", ["external_user_id"] = "ada" };
        var answer = (await _app.PostAsync("/api/v1/limits", new { limit })).ShouldBe(422);
        answer["error_details"].EnumerateObject().Select(property => property.Name).Order().ToArray().ShouldBe(fields.Split(','), customMessage: answer.Text);
        (await _app.ScalarAsync<long>("select count(*) from limits where code = 'wrong'")).ShouldBe(0);
    }

    [Fact]
    public async Task There_is_one_per_default_and_node_and_it_is_for_no_each()
    {
        var org = await OrgAsync("one");
        await SaveAsync(org, "each-user", new { meter = "requests" }, Scope(org, each: "user"));
        await SaveAsync(org, "each-of-red", new { meter = "requests" }, Scope(org, "external_team_id", "red", "user"));
        (await SaveAsync(org, "first", new { meter = "requests", overrides = "each-user" }, Scope(org, "external_user_id", "ada"))).ShouldBe(200);
        (await SaveAsync(org, "second", new { meter = "requests", overrides = "each-user" }, Scope(org, "external_user_id", "ada"))).ShouldBe(422)
            .At("error_details.overrides.0")!.ShouldContain("by first already");
        (await SaveAsync(org, "second", new { meter = "requests", overrides = "each-of-red" }, Scope(org, "external_user_id", "ada"))).ShouldBe(200);
        (await SaveAsync(org, "third", new { meter = "requests", overrides = "each-user" }, Scope(org, "external_team_id", "red", "user"))).ShouldBe(422)
            .At("error_details.overrides.0")!.ShouldContain("for one node");
        (await SaveAsync(org, "each-user", new { meter = "requests", overrides = "each-user" }, Scope(org))).ShouldBe(422);
    }

    private static JsonObject Scope(Org org, string? field = null, string? name = null, string? each = null)
    {
        var scope = new JsonObject { ["external_customer_id"] = org.Name, ["each"] = each };
        if (field is not null)
            scope[field] = name;
        return scope;
    }

    private Task<JsonAnswer> SaveAsync(Org org, string code, object terms, JsonObject scope)
    {
        var limit = LimitTests.Changed(org.Name, System.Text.Json.JsonSerializer.Serialize(terms));
        (limit["code"], limit["scope"]) = (code, scope);
        return _app.PostAsync("/api/v1/limits", new { limit });
    }

    private async Task<Org> OrgAsync(string name)
    {
        await _app.PostAsync("/api/v1/customers", new { customer = new { external_id = name } });
        foreach (var team in new[] { "red", "blue" })
            (await _app.PostAsync($"/api/v1/customers/{name}/teams", new { team = new { external_id = team } })).ShouldBe(200);
        (await _app.PostAsync($"/api/v1/customers/{name}/users", new { user = new { external_id = "ada", external_team_id = "red" } })).ShouldBe(200);
        return new Org(name, (await _app.PostAsync("/api/v1/api_keys", new { api_key = new { external_customer_id = name, external_user_id = "ada" } })).At("api_key.id")!);
    }

    private sealed record Org(string Name, string Key);
}
