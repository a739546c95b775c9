namespace Quota.Billing.Tests.Customers;

public sealed class LimitTests(SharedBillingApp shared) : IClassFixture<SharedBillingApp>
{
    private readonly BillingApp _app = shared.App;

    [Fact]
    public async Task Lives_from_create_to_delete()
    {
        await _app.PostAsync("/api/v1/customers", new { customer = new { external_id = "lim" } });
        await _app.PostAsync("/api/v1/customers/lim/teams", new { team = new { external_id = "t" } });
        var made = (await _app.PostAsync("/api/v1/limits", Limit("lim-month", new { external_customer_id = "lim" }, amount: "100.50"))).ShouldBe(200);
        made.At("limit.amount").ShouldBe("100.5");
        made.At("limit.currency").ShouldBe("USD", "the customer's, when none is sent");
        made.At("limit.mode").ShouldBe("hard");
        made.At("limit.scope.external_customer_id").ShouldBe("lim");

        (await _app.PostAsync("/api/v1/limits", Limit("lim-month", new { external_customer_id = "lim" }, amount: "200"))).ShouldBe(200)
            .At("limit.id").ShouldBe(made.At("limit.id"), "the code is the identity");
        (await _app.PutAsync("/api/v1/limits/lim-month", Limit(null, new { external_customer_id = "lim" }, "300", "day"))).ShouldBe(200)
            .At("limit.window.kind").ShouldBe("day");
        (await _app.PutAsync("/api/v1/limits/other", Limit(null, new { external_customer_id = "lim" }))).ShouldBe(404).At("code").ShouldBe("limit_not_found");
        (await _app.PostAsync("/api/v1/limits", Limit("lim-month", new { external_customer_id = "lim", external_team_id = "t" }))).ShouldBe(422)
            .At("error_details.scope.0").ShouldNotBeNull().ShouldContain("stays on its node");
        (await _app.GetAsync("/api/v1/limits/lim-month")).ShouldBe(200).At("limit.amount").ShouldBe("300");

        await _app.PostAsync("/api/v1/customers", new { customer = new { external_id = "lim2" } });
        (await _app.PostAsync("/api/v1/limits", Limit("lim-month", new { external_customer_id = "lim2" }))).ShouldBe(200);
        (await _app.GetAsync("/api/v1/limits/lim-month")).ShouldBe(422).At("error_details.external_customer_id.0").ShouldBe("value_is_mandatory");
        (await _app.GetAsync("/api/v1/limits?external_customer_id=lim")).ShouldBe(200)["limits"].GetArrayLength().ShouldBe(1);
        (await _app.DeleteAsync("/api/v1/limits/lim-month?external_customer_id=lim")).ShouldBe(200);
        (await _app.GetAsync("/api/v1/limits/lim-month?external_customer_id=lim")).ShouldBe(404);
    }

    [Fact]
    public async Task Scopes_name_one_node()
    {
        await _app.PostAsync("/api/v1/customers", new { customer = new { external_id = "scope" } });
        await _app.PostAsync("/api/v1/customers", new { customer = new { external_id = "stranger" } });
        await _app.PostAsync("/api/v1/customers/scope/users", new { user = new { external_id = "u" } });
        var key = (await _app.PostAsync("/api/v1/api_keys", new { api_key = new { external_customer_id = "scope" } })).At("api_key.id")!;
        (await _app.PostAsync("/api/v1/limits", Limit("u", new { external_customer_id = "scope", external_user_id = "u" }))).ShouldBe(200)
            .At("limit.scope.external_user_id").ShouldBe("u");
        (await _app.PostAsync("/api/v1/limits", Limit("k", new { external_customer_id = "scope", api_key_id = key }))).ShouldBe(200)
            .At("limit.scope.api_key_id").ShouldBe(key);
        (await _app.PostAsync("/api/v1/limits", Limit("k2", new { external_customer_id = "stranger", api_key_id = key }))).ShouldBe(422)
            .At("error_details", "scope.api_key_id").ShouldBe("api_key_not_found");
        (await _app.PostAsync("/api/v1/limits", Limit("x", new { external_customer_id = "scope", external_user_id = "u", api_key_id = key }))).ShouldBe(422);
        (await _app.PostAsync("/api/v1/limits", Limit("x", new { external_customer_id = "ghost" }))).ShouldBe(422)
            .At("error_details", "scope.external_customer_id").ShouldBe("customer_not_found");
    }

    [Theory]
    [InlineData("""{"meter":"tokens"}""", "meter")]
    [InlineData("""{"amount":"-1"}""", "amount")]
    [InlineData("""{"amount":"1e400"}""", "amount")]
    [InlineData("""{"amount":79228162514264337593543950335}""", "amount")]
    [InlineData("""{"amount":"1000000000000000000000"}""", "amount")]
    [InlineData("""{"amount":"0.0000000001"}""", "amount")]
    [InlineData("""{"amount":"nine"}""", "amount")]
    [InlineData("""{"amount":null}""", "amount")]
    [InlineData("""{"mode":"soft"}""", "mode")]
    [InlineData("""{"currency":"EUR"}""", "currency")]
    [InlineData("""{"selector":{"models":["gpt-*"]}}""", "selector")]
    [InlineData("""{"thresholds":["0.8"]}""", "thresholds")]
    [InlineData("""{"hold":"stepwise"}""", "hold")]
    [InlineData("""{"clamp":true}""", "clamp")]
    [InlineData("""{"window":{"kind":"week"}}""", "window.kind")]
    [InlineData("""{"window":{"kind":"month","timezone":"Nowhere"}}""", "window.timezone")]
    [InlineData("""{"window":{"kind":"month","starts_on":5}}""", "window.starts_on")]
    [InlineData("""{"window":{"kind":"rate","every":"year","burst":0},"meter":"requests"}""", "window.burst")]
    [InlineData("""{"window":null}""", "window")]
    [InlineData("""{"window":7}""", "window")]
    [InlineData("""{"scope":null}""", "scope")]
    [InlineData("""{"scope":{"external_customer_id":"bad","each":"user"}}""", "scope.each")]
    [InlineData("""{"enabled":"yes"}""", "enabled")]
    [InlineData("""{"code":""}""", "code")]
    public async Task What_cannot_be_enforced_is_refused_by_name(string change, string field)
    {
        await _app.PostAsync("/api/v1/customers", new { customer = new { external_id = "bad" } });
        var limit = new System.Text.Json.Nodes.JsonObject
        {
            ["code"] = "bad",
            ["scope"] = new System.Text.Json.Nodes.JsonObject { ["external_customer_id"] = "bad" },
            ["meter"] = "spend",
            ["amount"] = "1",
            ["window"] = new System.Text.Json.Nodes.JsonObject { ["kind"] = "month" },
        };
        foreach (var (name, value) in System.Text.Json.Nodes.JsonNode.Parse(change)!.AsObject())
            limit[name] = value?.DeepClone();
        var answer = (await _app.PostAsync("/api/v1/limits", new { limit })).ShouldBe(422);
        answer["error_details"].EnumerateObject().Select(property => property.Name).ShouldContain(field);
        (await _app.ScalarAsync<long>("select count(*) from limits where code in ('bad', '')")).ShouldBe(0);
    }

    private static object Limit(string? code, object scope, string amount = "5", string kind = "month") =>
        new { limit = new { code, scope, meter = "spend", amount, window = new { kind } } };
}
