using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using Quota.TestKit;

namespace Quota.EndToEnd.Tests;

/// <summary>Limits set over the core's API: in force at the gateway within two seconds, with what was used before them, and what they tell.</summary>
public sealed class LimitsFromCoreTests(Product product) : IClassFixture<Product>
{
    private readonly HttpClient _http = new();

    private async Task<(HttpStatusCode Status, JsonElement Body)> CallAsync(string key, int output = 5)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, product.Gateway.Url + "/v1/chat/completions")
        {
            Content = new StringContent($$"""{"model":"gpt-4o-mini","max_tokens":{{output}},"messages":[{"role":"user","content":"one two reply:{{output}}"}]}""", Encoding.UTF8, "application/json"),
        };
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", key);
        using var response = await _http.SendAsync(request);
        return (response.StatusCode, JsonElement.Parse(await response.Content.ReadAsStringAsync()));
    }

    private Task<JsonElement> LimitAsync(string limit) => product.SendAsync(HttpMethod.Post, "/api/v1/limits", $$"""{"limit":{{limit}}}""");

    private async Task<decimal> UsedAsync(string code)
    {
        try
        {
            return (await product.StandingAsync(code)).Used;
        }
        catch (InvalidOperationException)
        {
            return -1;   // not in force yet
        }
    }

    /// <summary>A user of a test's own, so that what others do in the same product does not count.</summary>
    private async Task<string> UserAsync(string user)
    {
        await product.SendAsync(HttpMethod.Post, "/api/v1/customers/acme/users", $$$"""{"user":{"external_id":"{{{user}}}","external_team_id":"product"}}""");
        var secret = (await product.NewKeyAsync(user, "product")).Secret;
        await Eventually.TrueAsync("the key works", async () => (await CallAsync(secret, 1)).Status == HttpStatusCode.OK, detail: () => product.Gateway.Process.Output);
        return secret;
    }

    private Task MeteredAsync(string user, int events) => Eventually.TrueAsync($"{events} calls of {user} are stored", async () =>
        (await LimitAsync($$"""{"code":"{{user}}-seen","scope":{"external_customer_id":"acme","external_user_id":"{{user}}"},"meter":"requests","amount":"1000000","window":{"kind":"lifetime"},"mode":"shadow"}"""))
            .GetProperty("limit").GetProperty("used").GetString() == $"{events}");

    [Fact]
    public async Task A_limit_added_in_the_middle_of_a_month_starts_at_the_true_usage_and_names_who_is_above()
    {
        var key = await UserAsync("mia");
        for (var i = 0; i < 4; i++)
            (await CallAsync(key, 10)).Status.ShouldBe(HttpStatusCode.OK);
        await MeteredAsync("mia", 5);
        var answer = await LimitAsync("""{"code":"mia-tokens","scope":{"external_customer_id":"acme","external_user_id":"mia"},"meter":"output_tokens","amount":"45","window":{"kind":"month"},"mode":"hard"}""");
        answer.GetProperty("limit").GetProperty("used").GetString().ShouldBe("41");
        answer.GetProperty("limit").GetProperty("above").GetArrayLength().ShouldBe(0);
        await Eventually.TrueAsync("it is in force with what was used", async () => await UsedAsync("mia-tokens") == 41);
        var refused = await CallAsync(key);
        refused.Status.ShouldBe((HttpStatusCode)429, refused.Body.ToString());
        refused.Body.GetProperty("quota").GetProperty("remaining").GetString().ShouldBe("4");
        (await CallAsync(key, 4)).Status.ShouldBe(HttpStatusCode.OK);

        await Eventually.TrueAsync("the core has the last call, too", async () => (await LimitAsync("""{"code":"mia-tokens","scope":{"external_customer_id":"acme","external_user_id":"mia"},"meter":"output_tokens","amount":"40","window":{"kind":"month"},"mode":"hard"}"""))
            .GetProperty("limit").GetProperty("above") is { } above && above.GetArrayLength() == 1 && above[0].GetProperty("used").GetString() == "45");
        (await CallAsync(key, 1)).Status.ShouldBe((HttpStatusCode)429);
        (await UsedAsync("mia-tokens")).ShouldBe(45);
    }

    [Fact]
    public async Task Thresholds_are_told_to_the_core_once_each()
    {
        var key = await UserAsync("tom");
        await LimitAsync("""{"code":"tom-day","scope":{"external_customer_id":"acme","external_user_id":"tom"},"meter":"requests","amount":"10","window":{"kind":"lifetime"},"mode":"soft","thresholds":["0.5","1"]}""");
        await Eventually.TrueAsync("it is in force", async () => await UsedAsync("tom-day") >= 1);
        for (var i = 0; i < 11; i++)
            (await CallAsync(key, 1)).Status.ShouldBe(HttpStatusCode.OK);
        JsonElement[] facts = [];
        await Eventually.TrueAsync("both are told", async () => (facts = [.. (await product.GetAsync("/api/v1/limit_facts?external_customer_id=acme&limit=tom-day")).GetProperty("limit_facts").EnumerateArray()]).Length >= 2, detail: () => product.Gateway.Process.Output);
        facts.Select(fact => fact.GetProperty("share").GetString()).Order().ShouldBe(["0.5", "1"]);
    }

    [Fact]
    public async Task A_user_who_is_deleted_and_made_again_has_no_fresh_budget_and_overrides_hold()
    {
        var key = await UserAsync("zoe");
        await LimitAsync("""{"code":"each-user","scope":{"external_customer_id":"acme","external_team_id":"product","each":"user"},"meter":"requests","amount":"3","window":{"kind":"lifetime"},"mode":"hard"}""");
        try
        {
            await Eventually.TrueAsync("it is in force", async () => await CallAsync(key, 1) is { Status: (HttpStatusCode)429 });
            await product.SendAsync(HttpMethod.Delete, "/api/v1/customers/acme/users/zoe");
            await Eventually.TrueAsync("her key is dead", async () => (await CallAsync(key, 1)).Status == HttpStatusCode.Unauthorized);
            await product.SendAsync(HttpMethod.Post, "/api/v1/customers/acme/users", """{"user":{"external_id":"zoe","external_team_id":"product"}}""");
            (await CallAsync(key, 1)).Status.ShouldBe(HttpStatusCode.Unauthorized);
            var again = (await product.NewKeyAsync("zoe", "product")).Secret;
            await Eventually.TrueAsync("the new key is known", async () => (await CallAsync(again, 1)).Status != HttpStatusCode.Unauthorized);
            (await CallAsync(again, 1)).Status.ShouldBe((HttpStatusCode)429);   // the same person, the same counter

            await LimitAsync("""{"code":"zoe","scope":{"external_customer_id":"acme","external_user_id":"zoe"},"overrides":"each-user","meter":"requests","amount":"1000","window":{"kind":"lifetime"},"mode":"hard"}""");
            await Eventually.TrueAsync("the override holds", async () => (await CallAsync(again, 1)).Status == HttpStatusCode.OK);
            (await UsedAsync("zoe")).ShouldBeGreaterThan(3);
            await product.SendAsync(HttpMethod.Delete, "/api/v1/limits/zoe");
        }
        finally
        {
            await product.SendAsync(HttpMethod.Delete, "/api/v1/limits/each-user");
        }
    }
}
