using System.Text.Json.Nodes;
using Quota.Billing.Tests.Ingest;
using Quota.Shared.Usage;

namespace Quota.Billing.Tests.Customers;

/// <summary>What people are told is used, and is above a new line.</summary>
public sealed class LimitUsageTests(SharedBillingApp shared) : IClassFixture<SharedBillingApp>
{
    private readonly BillingApp _app = shared.App;
    private readonly DateTimeOffset _now = TimeProvider.System.GetUtcNow();

    [Fact]
    public async Task A_change_names_what_is_above_the_line_already()
    {
        var key = await OrgAsync("line");
        await ShipAsync("line", ("ada", "3.000000001", 40), ("bob", "1.5", 2), ("ada", "0.0000000009", 1));
        var made = (await SaveAsync("line", """{"code":"each","meter":"cost","amount":"2"}""", each: "user")).ShouldBe(200);
        made["limit.above"].GetArrayLength().ShouldBe(1);
        made.At("limit.above.0.scope").ShouldBe("line/ada");
        made.At("limit.above.0.used").ShouldBe("3.000000001", "floored once, by node");
        made.At("limit.above.0.amount").ShouldBe("2");
        made.At("limit.above.0.node").ShouldBe((await _app.SnapshotAsync(one => one.Keys.Any(shown => shown.Id == key))).Keys.Single(shown => shown.Id == key).UserId);
        made.At("limit.used").ShouldBeNull();
        made["limit.nodes"].EnumerateArray().Select(node => node.ToString()).ShouldBe(
            ["""{"scope":"line/ada","used":"3.000000001"}""", """{"scope":"line/bob","used":"1.5"}"""]);

        (await SaveAsync("line", """{"code":"each","meter":"cost","amount":"3.000000001"}""", each: "user")).ShouldBe(200)["limit.above"].GetArrayLength().ShouldBe(0, "on the line is not above it");
        (await SaveAsync("line", """{"code":"each","meter":"cost","amount":"1"}""", each: "user")).ShouldBe(200)["limit.above"].GetArrayLength().ShouldBe(2);
        var whole = (await SaveAsync("line", """{"code":"whole","meter":"input_tokens","amount":"42","window":{"kind":"lifetime"}}""")).ShouldBe(200);
        whole.At("limit.used").ShouldBe("43");
        whole["limit.nodes"].ValueKind.ShouldBe(System.Text.Json.JsonValueKind.Null);
        whole.At("limit.above.0.scope").ShouldBe("line");

        // An override is its node's limit, so its default is not above there, and shows it no more.
        var ada = (await _app.PostAsync("/api/v1/limits", new
        {
            limit = new { code = "ada", meter = "cost", amount = "3", window = new { kind = "month" }, overrides = "each", scope = new { external_customer_id = "line", external_user_id = "ada" } },
        })).ShouldBe(200);
        ada.At("limit.above.0.used").ShouldBe("3.000000001");
        var each = (await SaveAsync("line", """{"code":"each","meter":"cost","amount":"1"}""", each: "user")).ShouldBe(200);
        each["limit.above"].EnumerateArray().Select(node => node.GetProperty("scope").GetString()).ShouldBe(["line/bob"]);
    }

    [Fact]
    public async Task Lists_carry_what_is_used_in_the_current_window_counted_or_not()
    {
        await OrgAsync("live");
        var at = _now.AddMinutes(-1);
        var old = SomeUsage.Event(_now.AddDays(-40)) with { Org = "live" };
        await _app.ShipAsync(SomeUsage.Batch(new[] { old, SomeUsage.Event(at) with { Org = "live", Counted = ["0123456789abcdef0123456789abcdef"] } }.Select(SomeUsage.Text)));
        await SaveAsync("live", """{"code":"month","meter":"requests","window":{"kind":"month"}}""");
        await SaveAsync("live", """{"code":"ever","meter":"requests","window":{"kind":"lifetime"}}""");
        await SaveAsync("live", """{"code":"rate","meter":"requests","window":{"kind":"rate","every":"minute"}}""");
        await SaveAsync("live", """{"code":"at-once","meter":"concurrency","window":null}""");
        await SaveAsync("live", """{"code":"idle","meter":"spend"}""", each: "team");
        var list = (await _app.GetAsync("/api/v1/limits?external_customer_id=live")).ShouldBe(200);
        list["limits"].EnumerateArray().Select(limit => $"{limit.GetProperty("code")} {limit.GetProperty("used")} {limit.GetProperty("nodes").GetRawText()}")
            .ShouldBe(["at-once  null", "ever 2 null", "idle  []", "month 1 null", "rate  null"]);
        (await _app.GetAsync("/api/v1/limits/ever?external_customer_id=live")).ShouldBe(200).At("limit.used").ShouldBe("2");
        list.Text.ShouldNotContain("\"above\"");
    }

    [Fact]
    public async Task At_most_a_hundred_nodes_are_listed_largest_first()
    {
        await OrgAsync("crowd");
        for (var i = 0; i < 105; i++)
            (await _app.PostAsync("/api/v1/customers/crowd/users", new { user = new { external_id = $"u{i:D3}" } })).ShouldBe(200);
        await ShipAsync("crowd", [.. Enumerable.Range(0, 105).Select(i => ($"u{i:D3}", "1", i + 1))]);
        var answer = (await SaveAsync("crowd", """{"code":"crowd","meter":"input_tokens","amount":"2"}""", each: "user")).ShouldBe(200);
        var shown = answer["limit.nodes"].EnumerateArray().Select(node => node.GetProperty("used").GetString()).ToList();
        shown.ShouldBe(Enumerable.Range(6, 100).Reverse().Select(used => $"{used}"));
        answer["limit.above"].GetArrayLength().ShouldBe(100);
    }

    [Fact]
    public async Task What_no_counter_can_hold_is_the_most_that_one_can()
    {
        await OrgAsync("rich");
        await ShipAsync("rich", ("ada", "9000000", 1), ("ada", "9000000", 1), ("ada", "1e6", 1));
        (await SaveAsync("rich", """{"code":"rich","meter":"cost","amount":"9007199.254740991"}""")).ShouldBe(200).At("limit.used").ShouldBe("9007199.254740991");
    }

    private async Task<string> OrgAsync(string org)
    {
        await _app.PostAsync("/api/v1/customers", new { customer = new { external_id = org } });
        foreach (var user in new[] { "ada", "bob" })
            (await _app.PostAsync($"/api/v1/customers/{org}/users", new { user = new { external_id = user } })).ShouldBe(200);
        var key = (await _app.PostAsync("/api/v1/api_keys", new { api_key = new { external_customer_id = org, external_user_id = "ada" } })).ShouldBe(200);
        return Guid.Parse(key.At("api_key.id")!).ToString("N");
    }

    private async Task ShipAsync(string org, params IReadOnlyList<(string User, string Cost, int Tokens)> calls) =>
        (await _app.ShipAsync(SomeUsage.Batch(calls.Select(call => SomeUsage.Text(SomeUsage.Event(_now, input: call.Tokens) with { Org = org, User = call.User, Cost = call.Cost })))))
            .ShouldAllBe(result => result.Status == ShipStatus.Accepted);

    private Task<JsonAnswer> SaveAsync(string org, string change, string? each = null)
    {
        var limit = LimitTests.Changed(org, change);
        limit["scope"] = new JsonObject { ["external_customer_id"] = org, ["each"] = each };
        return _app.PostAsync("/api/v1/limits", new { limit });
    }
}
