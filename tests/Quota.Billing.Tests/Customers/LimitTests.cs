using System.Text.Json.Nodes;

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
        made.At("limit.hold").ShouldBe("bounded");
        made.At("limit.clamp").ShouldBe("True");
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

    [Theory]
    [InlineData("""{"meter":"cost","window":{"kind":"month","every":null,"burst":null,"timezone":"Asia/Tokyo","starts_on":"31"},"thresholds":["0.5","0.8","1"],"hold":"stepwise","clamp":false}""")]
    [InlineData("""{"mode":"soft","selector":{"models":["gpt-*","o?"],"providers":["openai"],"endpoints":["chat","other"],"environments":["prod"],"tags":{"app":"chat","zone":"\"}"}}}""")]
    [InlineData("""{"meter":"requests","amount":"60","currency":null,"window":{"kind":"rate","every":"minute","burst":"10","timezone":null,"starts_on":null},"mode":"shadow"}""")]
    [InlineData("""{"window":{"kind":"rate","every":"hour","burst":"0.5","timezone":null,"starts_on":null},"amount":"1.25"}""")]
    [InlineData("""{"meter":"concurrency","amount":"4","currency":null,"window":null}""")]
    [InlineData("""{"meter":"bytes_in","currency":null,"amount":"1000","window":{"kind":"week","every":null,"burst":null,"timezone":null,"starts_on":"friday"},"scope":{"external_customer_id":"full","external_team_id":null,"external_user_id":null,"api_key_id":null,"each":"key"}}""")]
    [InlineData("""{"window":{"kind":"quarter","every":null,"burst":null,"timezone":null,"starts_on":"02-01"},"enabled":false}""")]
    [InlineData("""{"window":{"kind":"lifetime","every":null,"burst":null,"timezone":null,"starts_on":null}}""")]
    public async Task What_is_sent_is_kept_and_may_be_sent_back(string change)
    {
        await _app.PostAsync("/api/v1/customers", new { customer = new { external_id = "full" } });
        var sent = Changed("full", change);
        sent["code"] = "full-" + Math.Abs(change.GetHashCode(StringComparison.Ordinal));
        var code = sent["code"]!.GetValue<string>();
        (await _app.PostAsync("/api/v1/limits", new { limit = sent })).ShouldBe(200);
        var shown = JsonNode.Parse((await _app.GetAsync($"/api/v1/limits/{code}")).ShouldBe(200).Text)!["limit"]!.AsObject();
        foreach (var (name, value) in JsonNode.Parse(change)!.AsObject())
            JsonNode.DeepEquals(shown[name], value).ShouldBeTrue($"{name} is {shown[name]?.ToJsonString()}");
        (shown["nodes"] is null).ShouldBe(shown["scope"]!["each"] is null);

        // A client that reads, changes one thing and writes back must not be refused for what it was shown.
        var back = (await _app.PutAsync($"/api/v1/limits/{code}", new { limit = shown })).ShouldBe(200);
        var again = JsonNode.Parse(back.Text)!["limit"]!.AsObject();
        again["above"]!.AsArray().Count.ShouldBe(0);
        foreach (var name in shown.Select(property => property.Key).Where(name => name != "updated_at"))
            JsonNode.DeepEquals(again[name], shown[name]).ShouldBeTrue(name);
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
    [InlineData("""{"meter":null}""", "meter")]
    [InlineData("""{"meter":7,"amount":"0.5"}""", "meter")]
    [InlineData("""{"amount":"0"}""", "amount")]
    [InlineData("""{"amount":"-1"}""", "amount")]
    [InlineData("""{"amount":"1e400"}""", "amount")]
    [InlineData("""{"amount":79228162514264337593543950335}""", "amount")]
    [InlineData("""{"amount":"1000000000000000000000"}""", "amount")]
    [InlineData("""{"amount":"9007199.254740992"}""", "amount")]
    [InlineData("""{"amount":"0.0000000001"}""", "amount")]
    [InlineData("""{"amount":"nine"}""", "amount")]
    [InlineData("""{"amount":null}""", "amount")]
    [InlineData("""{"amount":"nine","window":{"kind":"rate","every":"minute","burst":"5"}}""", "amount")]
    [InlineData("""{"meter":"requests","amount":"1.5"}""", "amount")]
    [InlineData("""{"meter":"requests","amount":"9007199254740992"}""", "amount")]
    [InlineData("""{"mode":"polite"}""", "mode")]
    [InlineData("""{"currency":"EUR"}""", "currency")]
    [InlineData("""{"meter":"requests","currency":"USD"}""", "currency")]
    [InlineData("""{"selector":{"model":["gpt-*"]}}""", "selector.model")]
    [InlineData("""{"selector":{"models":[""]}}""", "selector.models")]
    [InlineData("""{"selector":{"endpoints":["telepathy"]}}""", "selector.endpoints")]
    [InlineData("""{"selector":{"tags":{"a":7}}}""", "selector.tags")]
    [InlineData("""{"selector":[]}""", "selector")]
    [InlineData("""{"thresholds":["0"]}""", "thresholds")]
    [InlineData("""{"thresholds":["1.1"]}""", "thresholds")]
    [InlineData("""{"thresholds":["0.8","0.80"]}""", "thresholds")]
    [InlineData("""{"thresholds":["high"]}""", "thresholds")]
    [InlineData("""{"thresholds":["0.1","0.2","0.3","0.4","0.5","0.6","0.7","0.8","0.9","0.95","1"]}""", "thresholds")]
    [InlineData("""{"thresholds":["0.8"],"window":{"kind":"rate","every":"minute"}}""", "thresholds")]
    [InlineData("""{"hold":"expected"}""", "hold")]
    [InlineData("""{"hold":"stepwise","meter":"requests"}""", "hold")]
    [InlineData("""{"clamp":"yes"}""", "clamp")]
    [InlineData("""{"window":{"kind":"billing_period"}}""", "window.kind")]
    [InlineData("""{"window":{"kind":"wallet"}}""", "window.kind")]
    [InlineData("""{"window":{"kind":"fortnight"}}""", "window.kind")]
    [InlineData("""{"window":{}}""", "window.kind")]
    [InlineData("""{"window":{"kind":"month","begins_on":"5"}}""", "window.begins_on")]
    [InlineData("""{"window":{"kind":"month","timezone":"Nowhere"}}""", "window.timezone")]
    [InlineData("""{"window":{"kind":"month","starts_on":32}}""", "window.starts_on")]
    [InlineData("""{"window":{"kind":"week","starts_on":"5"}}""", "window.starts_on")]
    [InlineData("""{"window":{"kind":"day","starts_on":"1"}}""", "window.starts_on")]
    [InlineData("""{"window":{"kind":"month","every":"minute"}}""", "window.every")]
    [InlineData("""{"window":{"kind":"rate","every":"year","burst":1},"meter":"requests"}""", "window.every")]
    [InlineData("""{"window":{"kind":"rate","every":"minute","burst":0},"meter":"requests"}""", "window.burst")]
    [InlineData("""{"window":{"kind":"rate","every":"minute","burst":"0.5"},"meter":"requests"}""", "window.burst")]
    [InlineData("""{"window":null}""", "window")]
    [InlineData("""{"window":7}""", "window")]
    [InlineData("""{"meter":"concurrency"}""", "window")]
    [InlineData("""{"scope":null}""", "scope")]
    [InlineData("""{"scope":{"external_customer_id":"bad","each":"org"}}""", "scope.each")]
    [InlineData("""{"scope":{"external_customer_id":"bad","team":"t"}}""", "scope.team")]
    [InlineData("""{"overrides":"nothing"}""", "overrides")]
    [InlineData("""{"enabled":"yes"}""", "enabled")]
    [InlineData("""{"code":""}""", "code")]
    public async Task A_mistake_is_named_alone_and_nothing_is_stored(string change, string field)
    {
        await _app.PostAsync("/api/v1/customers", new { customer = new { external_id = "bad" } });
        var answer = (await _app.PostAsync("/api/v1/limits", new { limit = Changed("bad", change) })).ShouldBe(422);
        answer["error_details"].EnumerateObject().Select(property => property.Name).ShouldBe([field], customMessage: answer.Text);
        (await _app.ScalarAsync<long>("select count(*) from limits where code in ('bad', '')")).ShouldBe(0);
    }

    [Fact]
    public async Task All_mistakes_come_at_once_and_an_existing_limit_stays_as_it_is()
    {
        await _app.PostAsync("/api/v1/customers", new { customer = new { external_id = "many" } });
        (await _app.PostAsync("/api/v1/limits", Limit("many", new { external_customer_id = "many" }, "7"))).ShouldBe(200);
        var answer = (await _app.PutAsync("/api/v1/limits/many", """
            {"limit":{"scope":{"external_customer_id":"many","each":"org"},"meter":"spend","amount":"0","mode":"polite","thresholds":["2"],
             "hold":"expected","clamp":1,"window":{"kind":"wallet","timezone":"Mars/Olympus"},"selector":{"model":[],"endpoints":["x"]},"enabled":0}}
            """)).ShouldBe(422);
        answer["error_details"].EnumerateObject().Select(property => property.Name).Order().ShouldBe(
            ["amount", "clamp", "enabled", "hold", "mode", "scope.each", "selector.endpoints", "selector.model", "thresholds", "window.kind", "window.timezone"]);
        (await _app.GetAsync("/api/v1/limits/many")).ShouldBe(200).At("limit.amount").ShouldBe("7");
    }

    internal static JsonObject Changed(string org, string change)
    {
        var limit = new JsonObject
        {
            ["code"] = org,
            ["scope"] = new JsonObject { ["external_customer_id"] = org },
            ["meter"] = "spend",
            ["amount"] = "1",
            ["window"] = new JsonObject { ["kind"] = "month" },
        };
        foreach (var (name, value) in JsonNode.Parse(change)!.AsObject())
            limit[name] = value?.DeepClone();
        return limit;
    }

    private static object Limit(string? code, object scope, string amount = "5", string kind = "month") =>
        new { limit = new { code, scope, meter = "spend", amount, window = new { kind } } };
}

