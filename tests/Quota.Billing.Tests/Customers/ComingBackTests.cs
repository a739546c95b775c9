using Quota.Billing.Tests.Ingest;

namespace Quota.Billing.Tests.Customers;

/// <summary>Deleting a user or team and making it again is no way to a fresh budget, nor back to old keys.</summary>
public sealed class ComingBackTests(SharedBillingApp shared) : IClassFixture<SharedBillingApp>
{
    private readonly BillingApp _app = shared.App;

    [Fact]
    public async Task A_user_comes_back_as_the_same_without_its_keys()
    {
        (await _app.PostAsync("/api/v1/customers", new { customer = new { external_id = "house" } })).ShouldBe(200);
        var user = (await _app.PostAsync("/api/v1/customers/house/users", new { user = new { external_id = "ada", name = "Ada", email = "a@x.test" } })).ShouldBe(200);
        var key = await KeyAsync("house", user: "ada");
        var others = await KeyAsync("house");
        (await SaveAsync("house", new { external_customer_id = "house", external_user_id = "ada" })).ShouldBe(200);
        await _app.ShipAsync(SomeUsage.Batch([SomeUsage.Text(SomeUsage.Event(TimeProvider.System.GetUtcNow(), input: 70) with { Org = "house", User = "ada" })]));

        (await _app.DeleteAsync("/api/v1/customers/house/users/ada")).ShouldBe(200);
        (await _app.GetAsync($"/api/v1/api_keys/{key}")).ShouldBe(200).At("api_key.revoked_at").ShouldNotBeNull();
        await _app.SnapshotAsync(one => one.Limits.All(limit => limit.Code != "house") && one.Keys.All(shown => shown.Id != key.ToString("N")));
        var back = (await _app.PostAsync("/api/v1/customers/house/users", new { user = new { external_id = "ada" } })).ShouldBe(200);
        back.At("user.id").ShouldBe(user.At("user.id"));
        back.At("user.name").ShouldBeNull("what is not named is empty on a new user");

        var limit = await _app.LimitAsync("house", "house", one => one.Seeds.Count > 0);
        limit.Seeds[0].ShouldBe(new(Guid.Parse(user.At("user.id")!).ToString("N"), limit.Seeds[0].WindowStartMs, 70, 2));
        (await _app.GetAsync("/api/v1/limits/house")).ShouldBe(200).At("limit.used").ShouldBe("70");
        var snapshot = await _app.SnapshotAsync(_ => true);
        snapshot.Keys.ShouldNotContain(shown => shown.Id == key.ToString("N"));
        snapshot.Keys.ShouldContain(shown => shown.Id == others.ToString("N"));
        var again = await KeyAsync("house", user: "ada");
        (await _app.SnapshotAsync(one => one.Keys.Any(shown => shown.Id == again.ToString("N")))).Keys
            .Single(shown => shown.Id == again.ToString("N")).UserId.ShouldBe(limit.NodeId);
    }

    [Fact]
    public async Task A_team_comes_back_as_the_same_without_its_keys_and_members()
    {
        (await _app.PostAsync("/api/v1/customers", new { customer = new { external_id = "firm" } })).ShouldBe(200);
        var team = (await _app.PostAsync("/api/v1/customers/firm/teams", new { team = new { external_id = "red" } })).ShouldBe(200);
        (await _app.PostAsync("/api/v1/customers/firm/users", new { user = new { external_id = "ada", external_team_id = "red" } })).ShouldBe(200);
        var (teams, users) = (await KeyAsync("firm", team: "red"), await KeyAsync("firm", user: "ada"));
        (await _app.DeleteAsync("/api/v1/customers/firm/teams/red")).ShouldBe(200);
        (await _app.PostAsync("/api/v1/customers/firm/teams", new { team = new { external_id = "red", name = "Red" } })).ShouldBe(200).At("team.id").ShouldBe(team.At("team.id"));
        var snapshot = await _app.SnapshotAsync(one => one.Keys.Any(key => key.Id == users.ToString("N")));
        snapshot.Keys.ShouldNotContain(key => key.Id == teams.ToString("N"));
        snapshot.Keys.Single(key => key.Id == users.ToString("N")).Team.ShouldBeNull("nobody was put into it again");
        (await _app.PutAsync("/api/v1/customers/firm/users/ada", new { user = new { external_team_id = "red" } })).ShouldBe(200);
        (await _app.SnapshotAsync(one => one.Keys.Any(key => key.Id == users.ToString("N") && key.Team == "red"))).Keys
            .Single(key => key.Id == users.ToString("N")).TeamId.ShouldBe(Guid.Parse(team.At("team.id")!).ToString("N"));
    }

    [Fact]
    public async Task Many_at_once_bring_back_one()
    {
        (await _app.PostAsync("/api/v1/customers", new { customer = new { external_id = "crowd" } })).ShouldBe(200);
        for (var round = 0; round < 3; round++)
        {
            var answers = await Task.WhenAll(Enumerable.Range(0, 8).Select(i => _app.PostAsync("/api/v1/customers/crowd/users", new { user = new { external_id = "ada", name = $"n{i}" } })));
            answers.ShouldAllBe(answer => answer.Status == 200);
            answers.Select(answer => answer.At("user.id")).Distinct().Count().ShouldBe(1);
            (await _app.ScalarAsync<long>("select count(*) from users where external_id = 'ada' and customer_id = (select id from customers where external_id = 'crowd')")).ShouldBe(1);
            (await _app.DeleteAsync("/api/v1/customers/crowd/users/ada")).ShouldBe(200);
        }
    }

    [Fact]
    public async Task Another_customers_namesake_is_somebody_else()
    {
        var ids = new List<string?>();
        foreach (var org in new[] { "here", "there" })
        {
            (await _app.PostAsync("/api/v1/customers", new { customer = new { external_id = org } })).ShouldBe(200);
            ids.Add((await _app.PostAsync($"/api/v1/customers/{org}/users", new { user = new { external_id = "same" } })).ShouldBe(200).At("user.id"));
            (await _app.DeleteAsync($"/api/v1/customers/{org}/users/same")).ShouldBe(200);
            (await _app.PostAsync($"/api/v1/customers/{org}/users", new { user = new { external_id = "same" } })).ShouldBe(200).At("user.id").ShouldBe(ids[^1]);
        }
        ids.ShouldBeUnique();
    }

    private async Task<Guid> KeyAsync(string org, string? team = null, string? user = null) => Guid.Parse((await _app.PostAsync("/api/v1/api_keys", new
    {
        api_key = new { external_customer_id = org, external_team_id = team, external_user_id = user },
    })).ShouldBe(200).At("api_key.id")!);

    private Task<JsonAnswer> SaveAsync(string code, object scope) =>
        _app.PostAsync("/api/v1/limits", new { limit = new { code, scope, meter = "input_tokens", amount = "5", window = new { kind = "month" } } });
}
