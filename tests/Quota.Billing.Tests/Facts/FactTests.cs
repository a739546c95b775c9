using System.Text.Json;
using Quota.Shared.ControlPlane;

namespace Quota.Billing.Tests.Facts;

public sealed class FactTests(SharedBillingApp shared) : IClassFixture<SharedBillingApp>
{
    private readonly BillingApp _app = shared.App;
    private readonly DateTimeOffset _now = new(2026, 11, 23, 9, 0, 0, TimeSpan.Zero);

    [Fact]
    public async Task Told_again_it_is_stored_once()
    {
        var threshold = Fact(1, LimitFact.Threshold, "once") with { NodeId = Hex(7), Limit = "month", Share = 0.8m, Counter = Hex(9), WindowStart = _now.AddDays(-1), Used = 800 };
        var reaped = Fact(2, LimitFact.Reaped, "once") with { RequestId = Guid.CreateVersion7(_now) };
        await TellAsync(threshold, reaped);
        await TellAsync(reaped, threshold with { Used = 900 }, Fact(3, LimitFact.Over, "once") with { Used = 4, Counter = Hex(9) }, reaped);
        var list = (await _app.GetAsync("/api/v1/limit_facts?external_customer_id=once")).ShouldBe(200);
        list["limit_facts"].EnumerateArray().Select(fact => fact.GetProperty("id").GetString()).ShouldBe([Hex(3), Hex(2), Hex(1)], "newest first");
        var told = list["limit_facts.2"];
        JsonElement.Parse($$"""{"used":800,"share":"0.8","limit":"month","node":"{{Hex(7)}}","counter":"{{Hex(9)}}","window_start":"2026-11-22T09:00:00.000Z","kind":"threshold","external_customer_id":"once","instance":"gw-1"}""")
            .EnumerateObject().ShouldAllBe(field => told.GetProperty(field.Name).GetRawText() == field.Value.GetRawText());
        list.At("limit_facts.1.request_id").ShouldBe(reaped.RequestId.ToString());
        list.At("limit_facts.1.node").ShouldBeNull();
    }

    [Fact]
    public async Task Lists_are_filtered_and_paged_and_show_facts_of_unknown_orgs()
    {
        await TellAsync([.. Enumerable.Range(10, 5).Select(i => Fact(i, i % 2 == 0 ? LimitFact.Threshold : LimitFact.Over, "gone") with { Limit = i == 10 ? "a" : "b" }), Fact(20, LimitFact.Over, "else")]);
        (await ListAsync("external_customer_id=gone")).ShouldBe([14, 13, 12, 11, 10]);
        (await ListAsync("external_customer_id=gone&kind=over")).ShouldBe([13, 11]);
        (await ListAsync("external_customer_id=gone&limit=a")).ShouldBe([10]);
        (await ListAsync("external_customer_id=gone&per_page=2&page=2")).ShouldBe([12, 11]);
        (await ListAsync("external_customer_id=nobody")).ShouldBeEmpty();
        (await _app.GetAsync("/api/v1/limit_facts?kind=gossip")).ShouldBe(422).At("error_details.kind.0")!.ShouldContain("threshold, over, reaped");
        (await _app.GetAsync("/api/v1/limit_facts?external_customer_id=gone&per_page=2")).ShouldBe(200).At("meta.total_count").ShouldBe("5");
    }

    [Theory]
    [InlineData("id", "\"ABCDEF0123456789ABCDEF0123456789\"")]
    [InlineData("id", "\"short\"")]
    [InlineData("id", "null")]
    [InlineData("kind", "\"gossip\"")]
    [InlineData("at", "\"now\"")]
    [InlineData("org", "\"\"")]
    [InlineData("org_id", "\"acme\"")]
    [InlineData("node_id", "\"n\"")]
    [InlineData("share", "\"1.1\"")]
    [InlineData("used", "-1")]
    [InlineData("counter", "\"c\"")]
    [InlineData("request_id", "\"r\"")]
    public async Task A_bad_report_is_refused_as_a_whole(string field, string value)
    {
        var good = JsonSerializer.Serialize(Fact(30, LimitFact.Over, "bad"), FactJson.Default.LimitFact);
        var bad = System.Text.Json.Nodes.JsonNode.Parse(good)!;
        bad[field] = System.Text.Json.Nodes.JsonNode.Parse(value);
        var answer = (await PostAsync($$"""{"instance":"gw-1","facts":[{{good}},{{bad.ToJsonString()}}]}""")).ShouldBe(422);
        answer["error_details"].EnumerateObject().Select(property => property.Name).ShouldBe([$"facts.1.{field}"]);
        (await _app.ScalarAsync<long>("select count(*) from limit_facts where org = 'bad'")).ShouldBe(0);
    }

    [Fact]
    public async Task Reports_are_bounded_and_only_gateways_tell()
    {
        var many = Enumerable.Range(1000, FactReport.MostFacts + 1).Select(i => Fact(i, LimitFact.Over, "many")).ToArray();
        (await PostAsync(Text(many))).ShouldBe(422).At("error_details.facts.0")!.ShouldContain("1001");
        await TellAsync(many[1..]);
        await TellAsync();
        (await _app.ScalarAsync<long>("select count(*) from limit_facts where org = 'many'")).ShouldBe(FactReport.MostFacts);
        (await _app.Admin.SendAsync(HttpMethod.Post, "/internal/v1/facts", Text([]))).ShouldBe(403);
        (await _app.Gateway.SendAsync(HttpMethod.Get, "/api/v1/limit_facts")).ShouldBe(403);
        (await PostAsync("""{"facts":[]}""")).ShouldBe(422).At("error_details.instance.0").ShouldBe("value_is_mandatory");
    }

    private LimitFact Fact(int id, string kind, string org) =>
        new() { Id = Hex(id), Kind = kind, At = _now.AddSeconds(id), Org = org, OrgId = Hex(77) };

    private static string Hex(int number) => number.ToString("x32", System.Globalization.CultureInfo.InvariantCulture);

    private static string Text(LimitFact[] facts) => JsonSerializer.Serialize(new FactReport("gw-1", facts), FactJson.Default.FactReport);

    private async Task TellAsync(params LimitFact[] facts) => (await PostAsync(Text(facts))).ShouldBe(204).Text.ShouldBeEmpty();

    private Task<JsonAnswer> PostAsync(string report) => _app.Gateway.SendAsync(HttpMethod.Post, "/internal/v1/facts", report);

    private async Task<IEnumerable<int>> ListAsync(string filter) => (await _app.GetAsync($"/api/v1/limit_facts?{filter}")).ShouldBe(200)["limit_facts"]
        .EnumerateArray().Select(fact => int.Parse(fact.GetProperty("id").GetString()!, System.Globalization.NumberStyles.HexNumber, System.Globalization.CultureInfo.InvariantCulture));
}
