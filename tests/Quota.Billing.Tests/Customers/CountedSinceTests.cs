using System.Text.Json.Nodes;

namespace Quota.Billing.Tests.Customers;

/// <summary>Which changes of a limit begin new counters, and so need what was used before.</summary>
public sealed class CountedSinceTests(SharedBillingApp shared) : IClassFixture<SharedBillingApp>
{
    private const string Old = "2001-02-03T04:05:06Z";

    private readonly BillingApp _app = shared.App;

    [Theory]
    [InlineData("""{"amount":"2"}""", false)]
    [InlineData("""{"mode":"soft"}""", false)]
    [InlineData("""{"thresholds":["0.5"],"hold":"stepwise","clamp":false}""", false)]
    [InlineData("""{"selector":{"models":["a","b"]}}""", false)]
    [InlineData("""{"selector":{"models":["b","a","a"]}}""", false)]
    [InlineData("""{"selector":{"models":["a"]}}""", true)]
    [InlineData("""{"selector":null}""", true)]
    [InlineData("""{"meter":"spend"}""", true)]
    [InlineData("""{"meter":"requests"}""", true)]
    [InlineData("""{"window":{"kind":"day"}}""", true)]
    [InlineData("""{"window":{"kind":"month","starts_on":"2"}}""", true)]
    [InlineData("""{"window":{"kind":"month","timezone":"Asia/Tokyo"}}""", true)]
    [InlineData("""{"window":{"kind":"month","timezone":"Europe/Berlin"}}""", false)]
    [InlineData("""{"scope":{"external_customer_id":"since","each":"user"}}""", true)]
    public async Task Only_what_the_counters_count_begins_anew(string change, bool anew)
    {
        await MakeAsync("since");
        (await _app.PutAsync("/api/v1/limits/since", new { limit = Changed("since", change) })).ShouldBe(200);
        await AssertAsync("since", anew);
    }

    [Fact]
    public async Task A_limit_that_was_off_begins_anew()
    {
        await MakeAsync("off");
        (await _app.PutAsync("/api/v1/limits/off", new { limit = Changed("off", """{"enabled":false}""") })).ShouldBe(200);
        await AssertAsync("off", anew: false);
        (await _app.PutAsync("/api/v1/limits/off", new { limit = Changed("off", "{}") })).ShouldBe(200);
        await AssertAsync("off", anew: true);
    }

    [Fact]
    public async Task A_customers_new_zone_begins_the_calendar_limits_in_it_anew()
    {
        await MakeAsync("zone");
        (await _app.PostAsync("/api/v1/limits", new { limit = Changed("zone", """{"code":"own","window":{"kind":"day","timezone":"Asia/Tokyo"}}""") })).ShouldBe(200);
        (await _app.PostAsync("/api/v1/limits", new { limit = Changed("zone", """{"code":"ever","window":{"kind":"lifetime"}}""") })).ShouldBe(200);
        await _app.ScalarAsync<int>($"with u as (update limits set counted_since = '{Old}' where code in ('own', 'ever') returning 1) select count(*)::int from u");
        (await _app.PostAsync("/api/v1/customers", new { customer = new { external_id = "zone", name = "Zone", timezone = "Europe/Berlin" } })).ShouldBe(200);
        await AssertAsync("zone", anew: false);
        (await _app.PostAsync("/api/v1/customers", new { customer = new { external_id = "zone", timezone = "Asia/Tokyo" } })).ShouldBe(200);
        await AssertAsync("zone", anew: true);
        await AssertAsync("own", anew: false);
        await AssertAsync("ever", anew: false);
    }

    private async Task MakeAsync(string code)
    {
        await _app.PostAsync("/api/v1/customers", new { customer = new { external_id = code, timezone = "Europe/Berlin" } });
        await _app.DeleteAsync($"/api/v1/limits/{code}");
        (await _app.PostAsync("/api/v1/limits", new { limit = Changed(code, "{}") })).ShouldBe(200);
        await AssertAsync(code, anew: true);
        await _app.ScalarAsync<int>($"with u as (update limits set counted_since = '{Old}' where code = '{code}' returning 1) select count(*)::int from u");
    }

    private async Task AssertAsync(string code, bool anew)
    {
        var since = await _app.ScalarAsync<DateTime>($"select counted_since from limits where code = '{code}'");
        (since > new DateTime(2002, 1, 1)).ShouldBe(anew, $"{since:O}");
        // The change takes a moment to every gateway; calls until then are not counted everywhere.
        if (anew)
            (since - TimeProvider.System.GetUtcNow().UtcDateTime).ShouldBeInRange(TimeSpan.FromSeconds(2), TimeSpan.FromSeconds(5));
    }

    private static JsonObject Changed(string org, string change)
    {
        var limit = LimitTests.Changed(org, """{"meter":"cost","selector":{"models":["a","b"]}}""");
        foreach (var (name, value) in JsonNode.Parse(change)!.AsObject())
            limit[name] = value?.DeepClone();
        return limit;
    }
}
