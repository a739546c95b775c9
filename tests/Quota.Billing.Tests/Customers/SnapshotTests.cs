using System.Net.Http.Headers;
using Quota.Shared.ControlPlane;
using Quota.TestKit;

namespace Quota.Billing.Tests.Customers;

public sealed class SnapshotTests(SharedBillingApp shared) : IClassFixture<SharedBillingApp>
{
    private readonly BillingApp _app = shared.App;

    [Fact]
    public async Task Shows_what_works_now_and_only_that()
    {
        (await _app.PostAsync("/api/v1/customers", new { customer = new { external_id = "snap", timezone = "Asia/Tokyo", currency = "JPY" } })).ShouldBe(200);
        await _app.PostAsync("/api/v1/customers/snap/teams", new { team = new { external_id = "red" } });
        await _app.PostAsync("/api/v1/customers/snap/users", new { user = new { external_id = "ada", external_team_id = "red" } });
        var key = (await _app.PostAsync("/api/v1/api_keys", new
        {
            api_key = new { external_customer_id = "snap", external_user_id = "ada", external_subscription_id = "sub", allowed_models = new[] { "gpt-*" }, metadata = new { app = "chat" } },
        })).ShouldBe(200);
        foreach (var (code, enabled) in new[] { ("on", true), ("off", false) })
        {
            (await _app.PostAsync("/api/v1/limits", new
            {
                limit = new
                {
                    code,
                    scope = new { external_customer_id = "snap", external_user_id = "ada" },
                    meter = "requests",
                    amount = "60",
                    window = new { kind = "rate", every = "minute", burst = 10 },
                    enabled,
                },
            })).ShouldBe(200);
        }
        (await _app.PutAsync("/api/v1/prices/openai/gpt-4o", new { price = new { input = "2.5", output = "10", hidden_output = false } })).ShouldBe(200);

        var snapshot = await UntilAsync(one => one.Limits.Any(limit => limit.Code == "on") && one.Prices.Any(price => price.Model == "gpt-4o"));
        var org = snapshot.Orgs.Single(one => one.Code == "snap");
        (org.Timezone, org.Currency).ShouldBe(("Asia/Tokyo", "JPY"));
        var shown = snapshot.Keys.Single(one => one.Id == Guid.Parse(key.At("api_key.id")!).ToString("N"));
        shown.Hash.ShouldBe(KeyHash.HexOfSecret(Convert.FromBase64String(snapshot.Pepper), key.At("api_key.secret")!));
        (shown.OrgId, shown.Team, shown.User, shown.Subscription).ShouldBe((org.Id, "red", "ada", "sub"));
        shown.AllowedModels.ShouldBe(["gpt-*"]);
        shown.Name.ShouldBe(key.At("api_key.prefix"), "it was given no other");
        shown.Tags.ShouldBe(new Dictionary<string, string> { ["app"] = "chat" });
        snapshot.Limits.ShouldNotContain(limit => limit.Code == "off");
        var on = snapshot.Limits.Single(limit => limit.Code == "on");
        (on.NodeId, on.Scope, on.Terms.Window.Burst, on.Terms.Window.IsRate).ShouldBe((shown.UserId!, "snap/red/ada", 10, true));
        snapshot.Prices.Single(price => price.Model == "gpt-4o").Version.ShouldStartWith("openai/gpt-4o@2");
        snapshot.Prices.Single(price => price.Model == "gpt-4o").HiddenOutput.ShouldBe(false);
        on.Terms.Mistakes().ShouldBeEmpty();

        (await _app.DeleteAsync($"/api/v1/api_keys/{key.At("api_key.id")}")).ShouldBe(200);
        await UntilAsync(one => one.Keys.All(other => other.Id != shown.Id));
        (await _app.DeleteAsync("/api/v1/customers/snap/users/ada")).ShouldBe(200);
        await UntilAsync(one => one.Limits.All(limit => limit.NodeId != shown.UserId));
    }

    [Fact]
    public async Task Equal_content_has_an_equal_tag_and_is_not_sent_again()
    {
        using var first = await _app.Gateway.GetAsync("/internal/v1/snapshot");
        var tag = first.Headers.ETag.ShouldNotBeNull();
        using (var same = await SendAsync(tag))
            ((int)same.StatusCode).ShouldBe(304);
        (await _app.PostAsync("/api/v1/customers", new { customer = new { external_id = $"tag-{tag.Tag.Length}-{Guid.CreateVersion7(TimeProvider.System.GetUtcNow())}" } })).ShouldBe(200);
        await Eventually.TrueAsync("a change gives another tag", async () =>
        {
            using var changed = await SendAsync(tag);
            return (int)changed.StatusCode == 200 && changed.Headers.ETag!.Tag != tag.Tag;
        });
    }

    private async Task<HttpResponseMessage> SendAsync(EntityTagHeaderValue tag)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, "/internal/v1/snapshot");
        request.Headers.IfNoneMatch.Add(tag);
        return await _app.Gateway.SendAsync(request);
    }

    private Task<ControlSnapshot> UntilAsync(Func<ControlSnapshot, bool> condition) => _app.SnapshotAsync(condition);
}
