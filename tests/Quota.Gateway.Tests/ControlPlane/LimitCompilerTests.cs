using Quota.Gateway.ControlPlane;
using Quota.Gateway.Limits;
using Quota.Shared.ControlPlane;

namespace Quota.Gateway.Tests.ControlPlane;

/// <summary>From a snapshot's limits to the counters of a key's calls.</summary>
public sealed class LimitCompilerTests
{
    private const long Now = 1_794_000_000_000;

    private static readonly byte[] Pepper = new byte[32];
    private static readonly Dictionary<string, ILimitKind> Kinds = LimitsRegistration.Kinds().ToDictionary(kind => kind.Name);
    private static readonly LimitWindow Month = new() { Kind = "month" }, PerMinute = new() { Kind = "rate", Every = "minute" };

    // acme: research (ada, bob), product (eve); a key each, one of research itself and one of acme itself.
    private static readonly SnapshotKey Ada = Key("k-ada", "research", "ada"), Bob = Key("k-bob", "research", "bob"), Eve = Key("k-eve", "product", "eve"), Research = Key("k-research", "research"), Acme = Key("k-acme");

    private static SnapshotKey Key(string id, string? team = null, string? user = null) => new()
    {
        Id = id, Hash = KeyHash.HexOfSecret(Pepper, id), OrgId = "acme", TeamId = team, Team = team, UserId = user, User = user, Name = id,
    };

    private static SnapshotLimit Limit(string code, string node, decimal amount = 100, string? each = null, string? overrides = null, string meter = "requests", LimitWindow? window = null, string mode = "hard", LimitSelector? selector = null, DateTimeOffset? since = null, string? below = null) => new()
    {
        Code = code, OrgId = "acme", NodeId = node, Each = each, Overrides = overrides, Scope = $"at {node}", Since = since, Below = below ?? (each is not null && node != "acme" ? node : null),
        Terms = new LimitTerms { Meter = meter, Amount = amount, Window = meter == "concurrency" ? LimitWindow.None : window ?? Month, Mode = mode, Selector = selector, Currency = meter == "spend" ? "USD" : null },
    };

    private static ControlState Compile(params SnapshotLimit[] limits) => Compile([Ada, Bob, Eve, Research, Acme], "UTC", limits);

    private static ControlState Compile(SnapshotKey[] keys, string zone, params SnapshotLimit[] limits) => new(
        new ControlSnapshot { Version = "1", Pepper = Convert.ToBase64String(Pepper), Orgs = [new SnapshotOrg("acme", "acme", zone, "USD")], Keys = keys, Limits = limits }, Kinds);

    private static IReadOnlyList<LimitCounter> Plan(ControlState state, SnapshotKey key, string model = "gpt-4o", string provider = "openai", string endpoint = "chat") =>
        state.Callers.Single(caller => caller.Key.Id == key.Id).Plan.For(model, provider, endpoint);

    private static string[] Codes(IEnumerable<LimitCounter> counters) => [.. counters.Select(counter => $"{counter.NodeId}:{string.Join('+', counter.Limits.Select(limit => limit.Code))}")];

    private static string IdOf(LimitCounter counter) => counter.WindowsAt(Now).Current;

    [Fact]
    public void A_key_meets_the_limits_of_its_own_nodes_from_the_org_down()
    {
        var state = Compile(Limit("key", "k-ada"), Limit("user", "ada"), Limit("team", "research"), Limit("org", "acme"), Limit("other", "product"), Limit("bob", "bob"));
        Codes(Plan(state, Ada)).ShouldBe(["acme:org", "research:team", "ada:user", "k-ada:key"]);
        Codes(Plan(state, Bob)).ShouldBe(["acme:org", "research:team", "bob:bob"]);
        Codes(Plan(state, Eve)).ShouldBe(["acme:org", "product:other"]);
        Codes(Plan(state, Research)).ShouldBe(["acme:org", "research:team"]);
        Codes(Plan(state, Acme)).ShouldBe(["acme:org"]);
        Plan(state, Ada)[0].ShouldBeSameAs(Plan(state, Eve)[0]);   // one counter, however many keys lead to it
    }

    [Theory]
    [InlineData("acme", "team", "research", "research", "product", "research", null)]
    [InlineData("acme", "user", "ada", "bob", "eve", null, null)]
    [InlineData("acme", "key", "k-ada", "k-bob", "k-eve", "k-research", "k-acme")]
    [InlineData("research", "user", "ada", "bob", null, null, null)]
    [InlineData("research", "key", "k-ada", "k-bob", null, "k-research", null)]
    [InlineData("ada", "key", "k-ada", null, null, null, null)]
    public void A_default_gives_every_node_below_a_counter_of_its_own(string node, string each, string? ada, string? bob, string? eve, string? research, string? acme)
    {
        var state = Compile(Limit("each", node, each: each));
        SnapshotKey[] keys = [Ada, Bob, Eve, Research, Acme];
        string?[] expected = [ada, bob, eve, research, acme];
        for (var i = 0; i < keys.Length; i++)
            Plan(state, keys[i]).Select(counter => counter.NodeId).ShouldBe(expected[i] is { } one ? [one] : [], keys[i].Id);
        state.Counters.Select(counter => IdOf(counter)).Distinct().Count().ShouldBe(expected.OfType<string>().Distinct().Count());
    }

    [Fact]
    public void A_default_of_the_org_shares_with_the_nodes_own_limits_and_one_of_a_team_counts_its_calls_alone()
    {
        var state = Compile(Limit("org-each-user", "acme", 100, each: "user"), Limit("team-each-user", "research", 40, each: "user"), Limit("ada", "ada", 70, mode: "soft"));
        Codes(Plan(state, Ada)).ShouldBe(["ada:ada+org-each-user", "ada:team-each-user"]);
        Plan(state, Ada).Select(IdOf).Distinct().Count().ShouldBe(2);
        Codes(Plan(state, Eve)).ShouldBe(["eve:org-each-user"]);
    }

    // ada has a key in each of two teams.
    private static readonly SnapshotKey AdaInProduct = Ada with { Id = "k-ada-2", Hash = KeyHash.HexOfSecret(Pepper, "k-ada-2"), TeamId = "product", Team = "product" };

    [Fact]
    public void A_user_of_two_teams_has_a_counter_in_each_and_one_for_both()
    {
        var state = Compile([Ada, AdaInProduct], "UTC", Limit("research", "research", each: "user"), Limit("product", "product", each: "user"), Limit("org", "acme", each: "user"));
        Codes(Plan(state, Ada)).ShouldBe(["ada:org", "ada:research"], ignoreOrder: true);
        Codes(Plan(state, AdaInProduct)).ShouldBe(["ada:org", "ada:product"], ignoreOrder: true);
        string Id(SnapshotKey key, string code) => IdOf(Plan(state, key).Single(counter => counter.Limits[0].Code == code));
        Id(Ada, "org").ShouldBe(Id(AdaInProduct, "org"));
        Id(Ada, "research").ShouldNotBe(Id(AdaInProduct, "product"));
    }

    [Fact]
    public void An_override_of_a_teams_default_counts_the_calls_below_that_team_alone()
    {
        var state = Compile([Ada, AdaInProduct], "UTC", Limit("product", "product", each: "user"), Limit("more", "ada", 900, overrides: "product", below: "product"));
        Codes(Plan(state, AdaInProduct)).ShouldBe(["ada:more"]);
        Codes(Plan(state, Ada)).ShouldBeEmpty();   // the default that it replaces does not count what she does for research
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void An_override_replaces_the_default_for_its_node_alone_and_keeps_the_counter(bool isRate)
    {
        var window = isRate ? PerMinute : Month;
        var before = Compile(Limit("default", "acme", 60, each: "user", window: window));
        var after = Compile(Limit("default", "acme", 60, each: "user", window: window), Limit("ada-more", "ada", 600, overrides: "default", window: window));
        Plan(after, Ada).ShouldHaveSingleItem().Limits.ShouldHaveSingleItem().Code.ShouldBe("ada-more");
        Plan(after, Ada)[0].Tightest!.Amount.ShouldBe(600);
        Codes(Plan(after, Bob)).ShouldBe(["bob:default"]);
        IdOf(Plan(after, Ada)[0]).ShouldBe(IdOf(Plan(before, Ada)[0]));   // what she has used stays used
        IdOf(Plan(after, Bob)[0]).ShouldNotBe(IdOf(Plan(after, Ada)[0]));
    }

    [Fact]
    public void An_override_leaves_other_limits_of_its_node_and_the_same_default_elsewhere_alone()
    {
        var state = Compile(Limit("default", "acme", 60, each: "team"), Limit("own", "research", 10), Limit("more", "research", 600, overrides: "default"));
        var research = Plan(state, Ada).ShouldHaveSingleItem();
        research.Limits.Select(limit => limit.Code).ShouldBe(["own", "more"], ignoreOrder: true);
        research.Tightest!.Amount.ShouldBe(10);
        Codes(Plan(state, Eve)).ShouldBe(["product:default"]);
    }

    [Fact]
    public void A_rate_of_another_code_is_another_counter()
    {
        var state = Compile(Limit("a", "acme", 60, window: PerMinute), Limit("b", "acme", 60, window: PerMinute));
        Plan(state, Ada).Select(IdOf).Distinct().Count().ShouldBe(2);   // each drains at its own speed
    }

    [Fact]
    public void Soft_and_hard_and_shadow_share_a_counter_and_the_tightest_hard_one_decides()
    {
        var state = Compile(Limit("soft", "acme", 10, mode: "soft"), Limit("hard", "acme", 100), Limit("harder", "acme", 90), Limit("shadow", "acme", 1, mode: "shadow"));
        var counter = Plan(state, Ada).ShouldHaveSingleItem();
        counter.Limits.Count.ShouldBe(4);
        (counter.Tightest!.Code, counter.Letter).ShouldBe(("harder", 'C'));
        Plan(Compile(Limit("soft", "acme", mode: "soft")), Ada)[0].ShouldSatisfyAllConditions(it => it.Tightest.ShouldBeNull(), it => it.Letter.ShouldBe('c'));
        IdOf(Plan(Compile(Limit("soft", "acme", mode: "soft")), Ada)[0]).ShouldBe(IdOf(counter));
    }

    [Fact]
    public void What_counts_something_else_has_a_counter_of_its_own()
    {
        var state = Compile(
            Limit("a", "acme"), Limit("b", "acme", meter: "total_tokens"), Limit("c", "acme", window: new LimitWindow { Kind = "day" }), Limit("d", "acme", window: new LimitWindow { Kind = "month", StartsOn = "2" }),
            Limit("e", "acme", window: new LimitWindow { Kind = "month", Timezone = "Asia/Tokyo" }), Limit("f", "acme", selector: new LimitSelector { Models = ["gpt-*"] }), Limit("g", "acme", meter: "concurrency"), Limit("h", "acme", meter: "spend"));
        Plan(state, Ada).Count.ShouldBe(8);
        Plan(state, Ada).Select(IdOf).Distinct().Count().ShouldBe(8);
        Plan(Compile([Ada], "UTC", Limit("a", "acme"), Limit("b", "acme", window: new LimitWindow { Kind = "month", Timezone = "UTC" }), Limit("c", "acme", selector: new LimitSelector())), Ada)
            .ShouldHaveSingleItem();   // the org's zone said aloud, and a selector that selects all, change nothing
    }

    [Fact]
    public void Environments_and_tags_select_by_the_key()
    {
        SnapshotKey[] keys = [Ada with { Environment = "prod", Tags = new Dictionary<string, string> { ["app"] = "bot", ["tier"] = "1" } }, Bob with { Environment = "dev", Tags = new Dictionary<string, string> { ["app"] = "bot" } }, Eve];
        var state = Compile(keys, "UTC", Limit("prod", "acme", selector: new LimitSelector { Environments = ["prod", "stage"] }),
            Limit("bot", "acme", selector: new LimitSelector { Tags = new Dictionary<string, string> { ["app"] = "bot" } }),
            Limit("bot1", "acme", selector: new LimitSelector { Tags = new Dictionary<string, string> { ["tier"] = "1", ["app"] = "bot" } }),
            Limit("both", "acme", selector: new LimitSelector { Environments = ["dev"], Tags = new Dictionary<string, string> { ["app"] = "bot" } }));
        Codes(Plan(state, Ada)).ShouldBe(["acme:prod", "acme:bot", "acme:bot1"]);
        Codes(Plan(state, Bob)).ShouldBe(["acme:bot", "acme:both"]);
        Plan(state, Eve).ShouldBeEmpty();
    }

    [Fact]
    public void Models_providers_and_endpoints_select_by_the_call()
    {
        var state = Compile(Limit("mini", "acme", selector: new LimitSelector { Models = ["*-mini", "o?"] }), Limit("azure", "acme", selector: new LimitSelector { Providers = ["azure"] }),
            Limit("images", "acme", selector: new LimitSelector { Endpoints = ["images"] }), Limit("all", "acme", selector: new LimitSelector { Models = ["gpt-*"], Providers = ["openai"], Endpoints = ["chat"] }));
        Codes(Plan(state, Ada, "gpt-4o-mini")).ShouldBe(["acme:mini", "acme:all"]);
        Codes(Plan(state, Ada, "gpt-4o")).ShouldBe(["acme:all"]);
        Codes(Plan(state, Ada, "o3", "azure")).ShouldBe(["acme:mini", "acme:azure"]);
        Codes(Plan(state, Ada, "GPT-4o")).ShouldBeEmpty();
        Codes(Plan(state, Ada, "gpt-4o", "openai", "images")).ShouldBe(["acme:images"]);
        Codes(Plan(state, Ada, "gpt-4o-mini")).ShouldBe(["acme:mini", "acme:all"]);   // also from the cache
        var caller = state.Callers.Single(caller => caller.Key.Id == Ada.Id);
        caller.Plan.Counters.Count.ShouldBe(4);
    }

    [Fact]
    public void A_plan_that_has_seen_many_models_still_answers_right()
    {
        var state = Compile(Limit("mini", "acme", selector: new LimitSelector { Models = ["*-mini"] }), Limit("always", "acme"));
        for (var i = 0; i < 1_000; i++)
            Plan(state, Ada, $"model-{i}{(i % 2 == 0 ? "-mini" : "")}").Count.ShouldBe(i % 2 == 0 ? 2 : 1);
    }

    [Fact]
    public void A_user_who_moves_keeps_the_users_counter_and_leaves_the_teams_behind()
    {
        SnapshotLimit[] limits = [Limit("ada", "ada"), Limit("each-user", "acme", meter: "total_tokens", each: "user"), Limit("each-key", "acme", meter: "images", each: "key"), Limit("each-team", "acme", meter: "input_tokens", each: "team"), Limit("org", "acme", meter: "output_tokens")];
        var before = Compile([Ada, Eve], "UTC", limits);
        var after = Compile([Ada with { TeamId = "product", Team = "product" }, Eve], "UTC", limits);
        string Id(ControlState state, SnapshotKey key, string code) => IdOf(Plan(state, key).Single(counter => counter.Limits[0].Code == code));
        foreach (var code in (string[])["ada", "each-user", "each-key", "org"])
            Id(after, Ada, code).ShouldBe(Id(before, Ada, code), code);
        Id(after, Ada, "each-team").ShouldBe(Id(after, Eve, "each-team"));
        Id(after, Ada, "each-team").ShouldNotBe(Id(before, Ada, "each-team"));
    }

    [Fact]
    public void Limits_on_nodes_without_keys_are_listed_and_count_for_nobody()
    {
        var state = Compile([Ada], "UTC", Limit("empty", "marketing"), Limit("org", "acme"), Limit("nobody", "zoe", meter: "total_tokens"), Limit("nobody-too", "zoe", 50, meter: "total_tokens", mode: "soft"));
        Codes(state.Counters).ShouldBe(["acme:org", "marketing:empty", "zoe:nobody+nobody-too"], ignoreOrder: true);
        Codes(Plan(state, Ada)).ShouldBe(["acme:org"]);
    }

    [Fact]
    public void A_shared_counter_is_counted_on_since_the_first_of_its_limits()
    {
        var (early, late) = (DateTimeOffset.FromUnixTimeMilliseconds(Now - 1000), DateTimeOffset.FromUnixTimeMilliseconds(Now));
        Plan(Compile(Limit("a", "acme", since: late), Limit("b", "acme", since: early)), Ada)[0].SinceMs.ShouldBe(early.ToUnixTimeMilliseconds());
        Plan(Compile(Limit("a", "acme", since: late), Limit("b", "acme")), Ada)[0].SinceMs.ShouldBe(long.MinValue);
        Plan(Compile(Limit("a", "acme", since: late)), Ada)[0].SinceMs.ShouldBe(late.ToUnixTimeMilliseconds());
    }

    [Fact]
    public void A_window_that_was_counted_from_its_start_has_its_own_seed_and_nobody_elses()
    {
        var limit = Limit("a", "acme");
        var counter = Plan(Compile(limit), Ada)[0];
        var start = counter.WindowsAt(Now).Start;
        var (own, others) = (new SnapshotSeed(limit.NodeId, start, -30, 3), new SnapshotSeed(null, start, 0, 2));
        Plan(Compile(limit with { Seeds = [others, own] }), Ada)[0].SeedOf(start).ShouldBe(own, "corrections of calls that were counted");
        Plan(Compile(limit with { Seeds = [others] }), Ada)[0].SeedOf(start).ShouldBeNull("0 is what it begins with");
        Plan(Compile(limit with { Seeds = [others], Since = DateTimeOffset.FromUnixTimeMilliseconds(start + 1) }), Ada)[0].SeedOf(start).ShouldBe(others);
    }

    [Fact]
    public void Windows_are_in_the_orgs_zone_unless_they_name_their_own()
    {
        var state = Compile([Ada], "Asia/Kathmandu", Limit("a", "acme"), Limit("b", "acme", window: new LimitWindow { Kind = "month", Timezone = "America/New_York" }));
        var counters = Plan(state, Ada);
        DateTimeOffset.FromUnixTimeMilliseconds(counters[0].WindowsAt(Now).Start).ToString("HH:mm", System.Globalization.CultureInfo.InvariantCulture).ShouldBe("18:15");
        DateTimeOffset.FromUnixTimeMilliseconds(counters[1].WindowsAt(Now).Start).ToString("HH:mm", System.Globalization.CultureInfo.InvariantCulture).ShouldBe("04:00");
    }

    [Fact]
    public void What_cannot_be_enforced_is_a_bad_snapshot()
    {
        Should.Throw<FormatException>(() => Compile([Ada], "Mars/Olympus", Limit("a", "acme"))).Message.ShouldContain("Mars/Olympus");
        Should.Throw<FormatException>(() => Compile(Limit("a", "acme", window: new LimitWindow { Kind = "month", Timezone = "Mars/Olympus" }))).Message.ShouldContain("Mars/Olympus");
        Should.Throw<FormatException>(() => Compile(Limit("a", "acme", -1))).Message.ShouldContain("limit a amount");
        Should.Throw<FormatException>(() => Compile(Limit("a", "acme") with { OrgId = "other" })).Message.ShouldContain("other");
        Should.Throw<FormatException>(() => Compile([Ada with { OrgId = "other" }], "UTC", Limit("a", "acme"))).Message.ShouldContain("other");
        Should.Throw<FormatException>(() => Compile([], "Mars/Olympus", Limit("a", "zoe"))).Message.ShouldContain("Mars/Olympus");   // also where no key leads
        Compile([Ada], "Mars/Olympus").Counters.ShouldBeEmpty();
    }
}
