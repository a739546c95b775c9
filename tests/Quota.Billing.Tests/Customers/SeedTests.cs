using System.Globalization;
using System.IO.Enumeration;
using System.Text.Json;
using System.Text.Json.Nodes;
using Quota.Billing.Tests.Ingest;
using Quota.Shared.ControlPlane;
using Quota.Shared.Usage;

namespace Quota.Billing.Tests.Customers;

/// <summary>Seeds against a sum by hand over the same events: another zone than UTC, windows that begin on other days, every selector.</summary>
public sealed class SeedTests : IAsyncLifetime
{
    private const string Zone = "Asia/Kathmandu";       // 5:45 ahead, no clock changes

    private static readonly string[] Limits =
    [
        """{"code":"spend","meter":"spend","window":{"kind":"month","starts_on":"START"}}""",
        """{"code":"each-cost","meter":"cost","scope":{"each":"user"},"window":{"kind":"month","starts_on":"START"}}""",
        """{"code":"each-key","meter":"total_tokens","scope":{"each":"key"},"window":{"kind":"week","starts_on":"friday"},"selector":{"models":["gpt-4?","*mini"]}}""",
        """{"code":"each-team","meter":"requests","scope":{"each":"team"},"window":{"kind":"lifetime"}}""",
        """{"code":"reds","meter":"input_tokens","scope":{"external_team_id":"red","each":"user"},"window":{"kind":"month","starts_on":"START"}}""",
        """{"code":"adas-keys","meter":"output_tokens","scope":{"external_user_id":"ada","each":"key"},"window":{"kind":"lifetime"}}""",
        """{"code":"red","meter":"images","scope":{"external_team_id":"red"},"window":{"kind":"month","timezone":"America/New_York"}}""",
        """{"code":"tagged","meter":"bytes_in","window":{"kind":"month","starts_on":"START"},"selector":{"tags":{"app":"chat","tier":"\"gold\""},"environments":["prod","dev"]}}""",
        """{"code":"providers","meter":"requests","window":{"kind":"month","starts_on":"START"},"selector":{"providers":["openai"],"endpoints":["other"]}}""",
        """{"code":"one-key","meter":"seconds","scope":{"api_key_id":"KEY"},"window":{"kind":"quarter","starts_on":"02-01"}}""",
    ];

    private readonly DateTimeOffset _now = TimeProvider.System.GetUtcNow();
    private readonly Random _random = new(20261123);
    private BillingApp _app = null!;
    private List<(string Id, string? Team, string? User)> _keys = null!;

    /// <summary>A day of this month or the last on which the window begins, so that it is neither empty nor all there is.</summary>
    private int StartsOn => _now.ToOffset(TimeSpan.FromMinutes(345)).AddDays(-9).Day is var day and <= 28 ? day : 1;

    [Fact]
    public async Task Are_the_sum_of_what_was_not_counted()
    {
        var snapshot = await _app.SnapshotAsync(one => one.Limits.Count == Limits.Length && one.Limits.All(limit => limit.Seeds.Count > 0));
        snapshot.Limits.ShouldAllBe(limit => limit.Seeds.Count == 1 && limit.Seeds[0].NodeId == null && limit.Seeds[0].Used == 0, "nothing was used yet");
        var first = Enumerable.Range(0, 400).Select(_ => Event(snapshot)).ToList();
        await ShipAsync(first);
        var seeded = await UntilSeedsAreAsync(snapshot, first);
        Windows(seeded).Values.ShouldContain(window => first.Any(one => one.At.ToUnixTimeMilliseconds() < window), "some lies before its window");
        seeded.Limits.Where(limit => limit.Terms.Meter != "requests").SelectMany(limit => limit.Seeds).Count(seed => seed.Used > 0).ShouldBeGreaterThan(8);

        var second = Enumerable.Range(0, 50).Select(_ => Event(snapshot) with { User = "ada", Team = "blue" }).ToList();
        await ShipAsync(second);
        var later = await UntilSeedsAreAsync(snapshot, [.. first, .. second]);
        foreach (var (limit, before) in later.Limits.Zip(seeded.Limits))
        {
            foreach (var seed in limit.Seeds)
            {
                if (before.Seeds.FirstOrDefault(old => old.NodeId == seed.NodeId) is not { } old)
                    seed.Version.ShouldBeGreaterThan(before.Seeds[^1].Version, "written over the 0 that it had");
                else if (old.Used == seed.Used)
                    seed.ShouldBe(old, "what did not change keeps its version, and gateways their snapshot");
                else
                    seed.Version.ShouldBeGreaterThan(old.Version);
            }
        }
        await Another_core_says_the_same(later);
    }

    [Fact]
    public async Task Events_that_list_their_counters_change_no_snapshot()
    {
        var snapshot = await _app.SnapshotAsync(one => one.Limits.Count == Limits.Length && one.Limits.All(limit => limit.Seeds.Count > 0));
        var windows = Windows(snapshot);
        await ShipAsync([.. Enumerable.Range(0, 20).Select(_ => Event(snapshot)).Select(one => one with
        {
            Org = "acme",
            Counted = [.. snapshot.Limits.SelectMany(limit => NodesOf(limit, snapshot).Select(node => Counter(limit, node.Id, windows[limit.Code])))],
        })]);
        (await _app.ScalarAsync<long>("select sum(events)::bigint from usage_versions")).ShouldBe(20);
        (await _app.PostAsync("/api/v1/customers", new { customer = new { external_id = "later" } })).ShouldBe(200);
        var later = await _app.SnapshotAsync(one => one.Orgs.Any(org => org.Code == "later"));
        later.Limits.SelectMany(limit => limit.Seeds).ShouldBe(snapshot.Limits.SelectMany(limit => limit.Seeds));
    }

    [Fact]
    public async Task A_limit_that_always_counted_has_none()
    {
        await _app.SnapshotAsync(one => one.Limits.Count == Limits.Length && one.Limits.All(limit => limit.Seeds.Count > 0));
        await _app.ScalarAsync<long>("with u as (update limits set counted_since = case when code = 'each-team' then null else timestamptz '2001-01-01' end returning 1) select count(*) from u");
        var old = await _app.SnapshotAsync(one => one.Limits.All(limit => limit.Since is null || limit.Since.Value.Year == 2001));
        foreach (var limit in old.Limits)
            limit.Seeds.Count.ShouldBe(limit.Code == "adas-keys" ? 1 : 0, $"{limit.Code}: all but a lifetime began later than 2001");
    }

    public async ValueTask InitializeAsync()
    {
        _app = await BillingApp.StartAsync();
        (await _app.PostAsync("/api/v1/customers", new { customer = new { external_id = "acme", timezone = Zone } })).ShouldBe(200);
        (await _app.PostAsync("/api/v1/customers", new { customer = new { external_id = "other" } })).ShouldBe(200);
        foreach (var team in new[] { "red", "blue", "idle" })
            (await _app.PostAsync("/api/v1/customers/acme/teams", new { team = new { external_id = team } })).ShouldBe(200);
        foreach (var user in new[] { "ada", "bob", "carol" })
            (await _app.PostAsync("/api/v1/customers/acme/users", new { user = new { external_id = user } })).ShouldBe(200);
        _keys = [];
        foreach (var (team, user) in new[] { ("red", "ada"), ("red", "bob"), ("blue", "ada"), (null, "bob"), ("red", null), (null, (string?)null) })
        {
            var key = (await _app.PostAsync("/api/v1/api_keys", new { api_key = new { external_customer_id = "acme", external_team_id = team, external_user_id = user } })).ShouldBe(200);
            _keys.Add((Guid.Parse(key.At("api_key.id")!).ToString("N"), team, user));
        }
        foreach (var text in Limits)
        {
            var change = JsonNode.Parse(text.Replace("START", StartsOn.ToString(CultureInfo.InvariantCulture), StringComparison.Ordinal).Replace("KEY", Guid.Parse(_keys[0].Id).ToString(), StringComparison.Ordinal))!.AsObject();
            var scope = change["scope"]?.AsObject() ?? [];
            change["scope"] = null;
            scope["external_customer_id"] = "acme";
            var limit = LimitTests.Changed("acme", change.ToJsonString());
            (limit["amount"], limit["scope"]) = ("1000", scope.DeepClone());
            (await _app.PostAsync("/api/v1/limits", new { limit })).ShouldBe(200);
        }
    }

    public ValueTask DisposeAsync() => _app.DisposeAsync();

    private UsageEvent Event(ControlSnapshot snapshot)
    {
        var key = _keys[_random.Next(_keys.Count)];
        var windows = Windows(snapshot);
        var limits = snapshot.Limits;
        // Now and then it was counted already: by some limit, on some node, in the current window or another.
        var counted = Enumerable.Range(0, _random.Next(4)).Select(_ => limits[_random.Next(limits.Count)])
            .Select(limit => Counter(limit, Pick([.. NodesOf(limit, snapshot)]).Id, windows[limit.Code] - (_random.Next(4) == 0 ? 86_400_000 : 0)));
        var cost = _random.Next(4) == 0 ? "0" : $"{_random.Next(3)}.{_random.NextInt64(1_000_000_000_000_000_000):D18}";
        return SomeUsage.Event(_now.AddMinutes(-_random.Next(30 * 24 * 60)).AddMilliseconds(-1), input: _random.Next(500), output: _random.Next(500)) with
        {
            Org = _random.Next(10) == 0 ? "other" : "acme",
            KeyId = key.Id,
            Team = key.Team,
            User = key.User,
            Model = Pick(["gpt-4o", "gpt-4", "GPT-4o", "o1-mini", "gpt-4%", "claude"]),
            Provider = Pick(["openai", "anthropic"]),
            Environment = Pick(["prod", "dev", "test", null!]),
            Route = Pick(["/v1/chat/completions", "/v1/embeddings"]),
            Cost = cost,
            Spend = _random.Next(3) == 0 ? "0.000123456789" : null,
            Currency = _random.Next(8) == 0 ? "EUR" : "USD",
            Tags = Pick([null!, new() { ["app"] = "chat" }, new() { ["app"] = "chat", ["tier"] = "\"gold\"", ["x"] = "" }, new Dictionary<string, string> { ["tier"] = "\"gold\"" }]),
            Usage = new UsageCounts { Requests = _random.Next(2), InputTokens = _random.Next(500), OutputTokens = _random.Next(500), Images = _random.Next(3), Seconds = 7, BytesIn = _random.Next(9000) },
            Counted = [.. counted],
        };
    }

    private T Pick<T>(T[] among) => among[_random.Next(among.Length)];

    private async Task ShipAsync(IReadOnlyList<UsageEvent> events) =>
        (await _app.ShipAsync(SomeUsage.Batch(events.Select(SomeUsage.Text)))).ShouldAllBe(result => result.Status == ShipStatus.Accepted);

    private async Task<ControlSnapshot> UntilSeedsAreAsync(ControlSnapshot snapshot, IReadOnlyList<UsageEvent> events)
    {
        var windows = Windows(snapshot);
        var expected = snapshot.Limits.ToDictionary(limit => limit.Code, limit => NodesOf(limit, snapshot)
            .Select(node => (node.Id, Used: Sum(limit, node, windows[limit.Code], events))).Where(node => node.Used is not null)
            .Select(node => (node.Id, node.Used!.Value)).OrderBy(node => node.Id, StringComparer.Ordinal).ToList());
        var last = await _app.SnapshotAsync(one => one.Limits.All(limit => Shown(limit).SequenceEqual(expected[limit.Code])), TimeSpan.FromSeconds(20));
        foreach (var limit in last.Limits)
        {
            limit.Seeds.ShouldAllBe(seed => seed.WindowStartMs == windows[limit.Code], limit.Code);
            limit.Seeds.Single(seed => seed.NodeId is null).Used.ShouldBe(0);
        }
        return last;

        static IEnumerable<(string, long)> Shown(SnapshotLimit limit) =>
            limit.Seeds.Where(seed => seed.NodeId is not null).Select(seed => (seed.NodeId!, seed.Used)).OrderBy(seed => seed.Item1, StringComparer.Ordinal);
    }

    /// <summary>By hand, as the protocol says it: in the window, of the node, selected, and not counted yet. Null when there are no such events.</summary>
    private static long? Sum(SnapshotLimit limit, (string Id, Func<UsageEvent, bool> Is) node, long start, IReadOnlyList<UsageEvent> events)
    {
        var (terms, selector) = (limit.Terms, limit.Terms.Selector ?? new LimitSelector());
        var counter = Counter(limit, node.Id, start);
        var matching = events.Where(one => one.Org == "acme" && one.At.ToUnixTimeMilliseconds() >= start && node.Is(one) && !one.Counted.Contains(counter)
            && (selector.Models.Count == 0 || selector.Models.Any(glob => FileSystemName.MatchesSimpleExpression(glob, one.Model, ignoreCase: false)))
            && (selector.Providers.Count == 0 || selector.Providers.Contains(one.Provider))
            && (selector.Environments.Count == 0 || selector.Environments.Contains(one.Environment))
            && (selector.Endpoints.Count == 0 || selector.Endpoints.Contains(one.Route == "/v1/chat/completions" ? "chat" : "other"))
            && selector.Tags.All(tag => one.Tags?.TryGetValue(tag.Key, out var value) == true && value == tag.Value)
            && (!terms.IsMoney || one.Currency == terms.Currency)).ToList();
        return matching.Count == 0 ? null : (long)decimal.Floor(matching.Sum(one => terms.Meter switch
        {
            "requests" => one.Usage.Requests,
            "input_tokens" => one.Usage.InputTokens,
            "output_tokens" => one.Usage.OutputTokens,
            "total_tokens" => one.Usage.InputTokens + one.Usage.OutputTokens,
            "spend" => decimal.Parse(one.Spend ?? one.Cost!, CultureInfo.InvariantCulture) * 1_000_000_000m,
            "cost" => decimal.Parse(one.Cost!, CultureInfo.InvariantCulture) * 1_000_000_000m,
            var unit => one.Usage.Unit(unit),
        }));
    }

    private static string Counter(SnapshotLimit limit, string node, long start) =>
        CounterName.Of(CounterName.Identity(node, limit.Terms, limit.Terms.Window.Timezone ?? Zone, limit.Code, limit.Below), start);

    /// <summary>Where each limit's current window begins, reckoned without the product's calendar.</summary>
    private Dictionary<string, long> Windows(ControlSnapshot snapshot) => snapshot.Limits.ToDictionary(limit => limit.Code, limit =>
    {
        var zone = TimeZoneInfo.FindSystemTimeZoneById(limit.Terms.Window.Timezone ?? Zone);
        var today = TimeZoneInfo.ConvertTime(_now, zone).Date;
        var first = limit.Terms.Window.Kind switch
        {
            "lifetime" => (DateTime?)null,
            "week" => Enumerable.Range(0, 7).Select(days => today.AddDays(-days)).First(day => day.DayOfWeek == DayOfWeek.Friday),
            "quarter" => Enumerable.Range(0, 100).Select(days => today.AddDays(-days)).First(day => day is { Day: 1, Month: 2 or 5 or 8 or 11 }),
            _ => Enumerable.Range(0, 31).Select(days => today.AddDays(-days)).First(day => day.Day == int.Parse(limit.Terms.Window.StartsOn ?? "1", CultureInfo.InvariantCulture)),
        };
        return first is { } day ? new DateTimeOffset(day, zone.GetUtcOffset(day)).ToUnixTimeMilliseconds() : 0;
    });

    private List<(string Id, Func<UsageEvent, bool> Is)> NodesOf(SnapshotLimit limit, ControlSnapshot snapshot)
    {
        var ids = _ids ??= ReadIds(snapshot);
        Func<UsageEvent, bool> below = limit.Code is "reds" or "red" ? one => one.Team == "red" : limit.Code == "adas-keys" ? one => one.User == "ada" : _ => true;
        return limit.Each switch
        {
            "team" => [.. new[] { "red", "blue" }.Select(team => (ids["team " + team], (Func<UsageEvent, bool>)(one => one.Team == team)))],
            "user" => [.. new[] { "ada", "bob" }.Select(user => (ids["user " + user], (Func<UsageEvent, bool>)(one => one.User == user && below(one))))],
            "key" => [.. _keys.Select(key => (key.Id, (Func<UsageEvent, bool>)(one => one.KeyId == key.Id && below(one))))],
            _ => [(limit.NodeId, limit.Code == "one-key" ? one => one.KeyId == _keys[0].Id : below)],
        };
    }

    private Dictionary<string, string>? _ids;

    private static Dictionary<string, string> ReadIds(ControlSnapshot snapshot) =>
        snapshot.Keys.SelectMany(key => new[] { ("team " + key.Team, key.TeamId), ("user " + key.User, key.UserId) })
            .Where(pair => pair.Item2 is not null).DistinctBy(pair => pair.Item1).ToDictionary(pair => pair.Item1, pair => pair.Item2!);

    /// <summary>The version is that of the stored events, not of the process that counted them.</summary>
    private async Task Another_core_says_the_same(ControlSnapshot snapshot)
    {
        var events = await _app.ScalarAsync<long>("select sum(u.events)::bigint from usage_versions u join customers c on c.id = u.customer_id where c.external_id = 'acme'");
        await _app.RestartAsync();
        var again = await _app.SnapshotAsync(one => one.Limits.All(limit => limit.Seeds.Count > 0));
        again.Limits.SelectMany(limit => limit.Seeds).ShouldAllBe(seed => seed.Version == events + 1);
        JsonSerializer.Serialize(again.Limits.SelectMany(limit => limit.Seeds).Select(seed => (seed.NodeId, seed.Used).ToString()))
            .ShouldBe(JsonSerializer.Serialize(snapshot.Limits.SelectMany(limit => limit.Seeds).Select(seed => (seed.NodeId, seed.Used).ToString())));
    }
}
