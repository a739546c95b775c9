using System.Text.Json;
using System.Text.Json.Nodes;
using Quota.Billing.Tests.Customers;
using Quota.Billing.Tests.Ingest;
using Quota.Shared.ControlPlane;
using Quota.Shared.Usage;

namespace Quota.Billing.Tests.Gateways;

/// <summary>A gateway that is gone for good: it is declared lost, counters are gathered without it, and what it used comes from its events.</summary>
public sealed class LostGatewayTests : IAsyncLifetime
{
    private static readonly Dictionary<string, string?> Settings = new() { ["Gateways:LostAfter"] = "10m" };

    private readonly DateTimeOffset _now = TimeProvider.System.GetUtcNow();
    private BillingApp _app = null!;
    private string _org = "";

    public async ValueTask InitializeAsync()
    {
        _app = await BillingApp.StartAsync(Settings);
        var customer = (await _app.PostAsync("/api/v1/customers", new { customer = new { external_id = "acme" } })).ShouldBe(200);
        _org = Guid.Parse(customer.At("customer.lago_id")!).ToString("N");
        await PollAsync("gw-a");
        await PollAsync("gw-b");
        await AskAsync("gw-a");
    }

    [Fact]
    public async Task It_is_declared_once_it_was_silent_for_long_enough_and_stays_lost()
    {
        (await _app.PostAsync("/api/v1/gateways/gw-x/lost", new { })).ShouldBe(404).At("code").ShouldBe("gateway_not_found");
        var early = (await _app.PostAsync("/api/v1/gateways/gw-b/lost", new { })).ShouldBe(422)["error_details"].GetProperty("instance")[0].GetString()!;
        early.ShouldContain("'gw-b'");
        early.ShouldContain("Gateways__LostAfter");
        await SilentAsync("gw-b");
        var lost = (await _app.PostAsync("/api/v1/gateways/gw-b/lost", new { })).ShouldBe(200).At("gateway.lost_at").ShouldNotBeNull();
        await PollAsync("gw-b");
        (await _app.PostAsync("/api/v1/gateways/gw-b/lost", new { })).ShouldBe(200).At("gateway.lost_at").ShouldBe(lost);

        var listed = (await _app.GetAsync("/api/v1/gateways")).ShouldBe(200);
        listed["gateways"].EnumerateArray().Select(it => (it.GetProperty("instance").GetString(), it.TryGetProperty("lost_at", out var at) && at.ValueKind != JsonValueKind.Null))
            .ShouldBe([("gw-a", false), ("gw-b", true)]);
        (await _app.SnapshotAsync(snapshot => snapshot.Lost.Count > 0)).Lost.Single().Instance.ShouldBe("gw-b");
        (await AskAsync("gw-b", lost: true)).State.ShouldBe(EpochOrder.Excluded);
        (await AskAsync("gw-a", lost: true)).Participants.ShouldBe(["gw-a"]);
    }

    [Fact]
    public async Task Who_only_posts_usage_is_waited_for_by_nobody()
    {
        await ShipAsync("gw-tool");
        var order = await AskAsync("gw-a", lost: true);
        order.Participants.ShouldBe(["gw-a", "gw-b"]);
        order.Lost.ShouldBeEmpty();
    }

    [Fact]
    public async Task A_gathering_that_waits_for_it_begins_anew_without_it()
    {
        var order = await AskAsync("gw-a", lost: true);
        await SilentAsync("gw-b");
        await LoseAsync("gw-b");
        var again = await AskAsync("gw-a");
        (again.State, again.Generation).ShouldBe((EpochOrder.Gathering, order.Generation + 1));
        again.Epoch.ShouldNotBe(order.Epoch);
        again.Epoch.Length.ShouldBe(16);
        again.Participants.ShouldBe(["gw-a"]);
        again.Lost.ShouldBe(["gw-b"]);
    }

    [Fact]
    public async Task When_all_of_them_are_lost_the_next_one_begins()
    {
        await AskAsync("gw-a", lost: true);
        foreach (var gateway in new[] { "gw-a", "gw-b" })
        {
            await SilentAsync(gateway);
            await LoseAsync(gateway);
        }
        await PollAsync("gw-c");
        (await AskAsync("gw-c")).Participants.ShouldBe(["gw-c"]);
    }

    [Fact]
    public async Task Its_events_are_seeds_once_counters_were_gathered_without_it()
    {
        await SaveAsync("""{"code":"ever","meter":"total_tokens","window":{"kind":"lifetime"}}""");
        await _app.ScalarAsync<long>("with u as (update limits set counted_since = null returning 1) select count(*) from u");
        var limit = await _app.LimitAsync("acme", "ever", shown => shown.Since is null);
        var counter = CounterName.Of(CounterName.Identity(limit.NodeId, limit.Terms, "UTC", "ever", null), 0);
        await ShipAsync("gw-a", Usage("gw-a", 100) with { Counted = [counter] });
        await ShipAsync("gw-b", Usage("gw-b", 7) with { Counted = [counter] });
        await SilentAsync("gw-b");
        await LoseAsync("gw-b");
        (await _app.SnapshotAsync(snapshot => snapshot.Lost.Count == 1)).Limits.Single().Seeds.ShouldBeEmpty("the counters in force have all of it");

        await AskAsync("gw-a", lost: true);
        var first = await _app.LimitAsync("acme", "ever", shown => shown.Seeds.Any(seed => seed.Used == 7), Patience);
        first.Since.ShouldNotBeNull();
        first.Seeds.Count.ShouldBe(2, "one of the org and one for all others");
        await ShipAsync("gw-b", Usage("gw-b", 30) with { Counted = [counter] });   // its disk is back
        var more = await _app.LimitAsync("acme", "ever", shown => shown.Seeds.Any(seed => seed.Used == 37), Patience);
        Version(more).ShouldBeGreaterThan(Version(first));
        await ShipAsync("gw-a", Usage("gw-a", 1000) with { Counted = [counter] });
        await ShipAsync("gw-b", Usage("gw-b", 1) with { Counted = [counter] });
        await _app.LimitAsync("acme", "ever", shown => shown.Seeds.Any(seed => seed.Used == 38), Patience);
    }

    [Fact]
    public async Task A_young_limits_seed_takes_them_up_by_a_greater_version_although_no_event_came()
    {
        await SaveAsync("""{"code":"ever","meter":"total_tokens","window":{"kind":"lifetime"}}""");
        var limit = await _app.LimitAsync("acme", "ever");
        var counter = CounterName.Of(CounterName.Identity(limit.NodeId, limit.Terms, "UTC", "ever", null), 0);
        await ShipAsync("gw-b", Usage("gw-b", 5), Usage("gw-b", 7) with { Counted = [counter] });
        var young = await _app.LimitAsync("acme", "ever", shown => shown.Seeds.Any(seed => seed.Used == 5), Patience);
        await SilentAsync("gw-b");
        await LoseAsync("gw-b");
        await AskAsync("gw-a", lost: true);
        var after = await _app.LimitAsync("acme", "ever", shown => shown.Seeds.Any(seed => seed.Used == 12), Patience);
        Version(after).ShouldBeGreaterThan(Version(young));
        await _app.RestartAsync();
        Version(await _app.LimitAsync("acme", "ever", shown => shown.Seeds.Any(seed => seed.Used == 12), Patience)).ShouldBe(Version(after), "on every replica");
    }

    [Theory]
    [InlineData("a b")]
    [InlineData("gw/../a")]
    public async Task A_name_that_cannot_be_one_is_refused_wherever_it_comes_in(string name)
    {
        (await _app.Gateway.SendAsync(HttpMethod.Post, "/internal/v1/epochs", new { instance = name, org_id = _org })).ShouldBe(422)["error_details"].TryGetProperty("instance", out _).ShouldBeTrue();
        (await _app.Gateway.SendAsync(HttpMethod.Post, "/internal/v1/facts", new { instance = name, facts = Array.Empty<object>() })).ShouldBe(422);
        (await _app.Gateway.SendAsync(HttpMethod.Post, "/internal/v1/usage", SomeUsage.Batch([], name))).ShouldBe(422);
        using var request = new HttpRequestMessage(HttpMethod.Get, "/internal/v1/snapshot");
        request.Headers.Add(ControlSnapshot.Gateway, name);
        using var answer = await _app.Gateway.SendAsync(request);
        ((int)answer.StatusCode).ShouldBe(422);
    }

    public async ValueTask DisposeAsync() => await _app.DisposeAsync();

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    private static long Version(SnapshotLimit limit) => limit.Seeds.Single(seed => seed.NodeId is not null).Version;

    private UsageEvent Usage(string instance, long tokens) => SomeUsage.Event(_now, input: tokens, output: 0) with { Instance = instance };

    private async Task ShipAsync(string instance, params IEnumerable<UsageEvent> events) =>
        (await _app.ShipAsync(SomeUsage.Batch(events.Select(SomeUsage.Text), instance))).ShouldAllBe(result => result.Status == ShipStatus.Accepted);

    private Task<long> SilentAsync(string gateway) => _app.ScalarAsync<long>($"with u as (update gateways set seen_at = now() - interval '11 minutes' where instance = '{gateway}' returning 1) select count(*) from u");

    private async Task LoseAsync(string gateway) => (await _app.PostAsync($"/api/v1/gateways/{gateway}/lost", new { })).ShouldBe(200);

    private async Task SaveAsync(string change)
    {
        var limit = LimitTests.Changed("acme", change);
        limit["scope"] = new JsonObject { ["external_customer_id"] = "acme" };
        (await _app.PostAsync("/api/v1/limits", new { limit })).ShouldBe(200);
    }

    private async Task<EpochOrder> AskAsync(string instance, bool lost = false, long? again = null) =>
        (await _app.Gateway.SendAsync(HttpMethod.Post, "/internal/v1/epochs", new { instance, org_id = _org, lost, again })).ShouldBe(200).Json.Deserialize(EpochJson.Default.EpochOrder)!;

    private async Task PollAsync(string gateway)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, "/internal/v1/snapshot");
        request.Headers.Add(ControlSnapshot.Gateway, gateway);
        using var answer = await _app.Gateway.SendAsync(request);
        ((int)answer.StatusCode).ShouldBe(200);
    }
}
