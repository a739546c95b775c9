using System.Text.Json.Nodes;
using Quota.Billing.Tests.Ingest;
using Quota.Shared.ControlPlane;
using Quota.Shared.Usage;

namespace Quota.Billing.Tests.Customers;

/// <summary>How corrections, which no counter has, reach the counters of limits young and old.</summary>
public sealed class CorrectedSeedTests : IAsyncLifetime
{
    private const string Lifetime = """{"code":"ever","meter":"total_tokens","window":{"kind":"lifetime"}}""";
    private const string Month = """{"code":"month","meter":"total_tokens","window":{"kind":"month"}}""";

    private readonly DateTimeOffset _now = TimeProvider.System.GetUtcNow();
    private BillingApp _app = null!;

    [Fact]
    public async Task A_young_limits_seed_falls_to_0_and_below_by_greater_versions()
    {
        await SaveAsync(Lifetime, each: "user");
        var estimate = Usage(tokens: 100);
        var whole = await AfterAsync("ever", 100, estimate);
        var none = await AfterAsync("ever", 0, Correction(estimate, -100));
        var less = await AfterAsync("ever", -5, Correction(estimate, -5));
        new[] { whole, none, less }.Select(seed => (seed.NodeId, seed.Version)).ShouldBe([(whole.NodeId, 2), (whole.NodeId, 3), (whole.NodeId, 4)]);
        (await _app.GetAsync("/api/v1/limits/ever?external_customer_id=acme")).ShouldBe(200)["limit.nodes"].GetArrayLength().ShouldBe(0, "people see who used something");
    }

    [Fact]
    public async Task An_old_limit_has_those_of_corrections_alone()
    {
        await SaveAsync(Lifetime);
        await AgeAsync();
        var limit = await _app.LimitAsync("acme", "ever", shown => shown.Since is null);
        limit.Seeds.ShouldBeEmpty();
        var counter = CounterName.Of(CounterName.Identity(limit.NodeId, limit.Terms, "UTC", "ever", null), 0);

        // 7 tokens came while the store was away: the gateway charges them when it is back. The second correction is on the counter already.
        var estimate = Usage(tokens: 100) with { Counted = [counter] };
        var seed = await AfterAsync("ever", -30, estimate, Usage(tokens: 7), Correction(estimate, -30), Correction(estimate, -2) with { Counted = [counter] });
        seed.ShouldBe(new SnapshotSeed(limit.NodeId, 0, -30, Version: 3), "two corrections, plus one");
        (await _app.LimitAsync("acme", "ever")).Seeds.ShouldHaveSingleItem("who has no correction needs no seed");
        (await AfterAsync("ever", -30, Usage(tokens: 9))).ShouldBe(seed, "other events change nothing");
        (await AfterAsync("ever", -20, Correction(estimate, 10))).Version.ShouldBe(4);
        await _app.RestartAsync();
        (await AfterAsync("ever", -20)).Version.ShouldBe(4);

        // Enabled again: it has not counted all calls any more, so all that it did not count goes into the seed, over the one from before.
        await _app.ScalarAsync<long>("with u as (update limits set counted_since = now() returning 1) select count(*) from u");
        (await AfterAsync("ever", -20 + 7 + 9)).Version.ShouldBe(7, "six events, plus one");
    }

    [Fact]
    public async Task An_old_limits_window_takes_the_corrections_of_its_own_calls()
    {
        await SaveAsync(Month);
        await AgeAsync();
        await ShipAsync(Correction(Usage(tokens: 1, _now.AddDays(-40)), -3), Usage(tokens: 5));
        await SaveAsync(Lifetime);
        var snapshot = await _app.SnapshotAsync(one => one.Limits.Any(limit => limit.Code == "ever" && limit.Seeds.Any(seed => seed.Used == 2)));
        snapshot.Limits.Single(limit => limit.Code == "month").Seeds.ShouldBeEmpty("the correction is of a window that has ended");

        var seed = await AfterAsync("month", -4, Correction(Usage(tokens: 5), -4));
        seed.WindowStartMs.ShouldBe(new DateTimeOffset(_now.Year, _now.Month, 1, 0, 0, 0, TimeSpan.Zero).ToUnixTimeMilliseconds());
    }

    public async ValueTask InitializeAsync()
    {
        _app = await BillingApp.StartAsync();
        (await _app.PostAsync("/api/v1/customers", new { customer = new { external_id = "acme" } })).ShouldBe(200);
        (await _app.PostAsync("/api/v1/customers/acme/users", new { user = new { external_id = "ada" } })).ShouldBe(200);
    }

    public ValueTask DisposeAsync() => _app.DisposeAsync();

    private UsageEvent Usage(long tokens, DateTimeOffset? at = null) => SomeUsage.Event(at ?? _now, input: tokens, output: 0) with { User = "ada" };

    private static UsageEvent Correction(UsageEvent of, long tokens) =>
        of with { Id = SomeUsage.Event(of.At).Id, Corrects = of.Id, Usage = new() { InputTokens = tokens }, Counted = [] };

    private async Task SaveAsync(string change, string? each = null)
    {
        var limit = LimitTests.Changed("acme", change);
        limit["scope"] = new JsonObject { ["external_customer_id"] = "acme", ["each"] = each };
        (await _app.PostAsync("/api/v1/limits", new { limit })).ShouldBe(200);
    }

    /// <summary>As if all limits had counted from ever.</summary>
    private Task<long> AgeAsync() => _app.ScalarAsync<long>("with u as (update limits set counted_since = null returning 1) select count(*) from u");

    private async Task ShipAsync(params IEnumerable<UsageEvent> events) =>
        (await _app.ShipAsync(SomeUsage.Batch(events.Select(SomeUsage.Text)))).ShouldAllBe(result => result.Status == ShipStatus.Accepted);

    /// <summary>A seed is no change of anybody's: what it says is looked at here, not how soon.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    /// <summary>The limit's one seed of a node, once these events were shipped and it is so many tokens.</summary>
    private async Task<SnapshotSeed> AfterAsync(string code, long used, params IReadOnlyList<UsageEvent> events)
    {
        if (events.Count > 0)
            await ShipAsync(events);
        return (await _app.LimitAsync("acme", code, limit => limit.Seeds.Any(seed => seed.NodeId is not null && seed.Used == used), Patience)).Seeds.Single(seed => seed.NodeId is not null);
    }
}
