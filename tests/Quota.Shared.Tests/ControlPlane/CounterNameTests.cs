using Quota.Shared.ControlPlane;

namespace Quota.Shared.Tests.ControlPlane;

/// <summary>Equal counters for what counts the same, other counters for all else, whatever people write into names.</summary>
public sealed class CounterNameTests
{
    private static readonly LimitTerms Month = new() { Meter = "cost", Amount = 5, Currency = "USD", Window = new LimitWindow { Kind = "month" } };

    /// <summary>Text that could break out of a quoted list, look like another entry, or be cut off.</summary>
    private static readonly string[] Nasty =
        ["a", "b", "ab", "a,b", "a\",\"b", "\"", "\\", "\\\"", "[", "]", "{", "}", "[]", "a\nb", "\n", "\r\n", "\t", " ", "\u2028", "é", "e\u0301", "🏛", "null", "0", new('x', 10_000), new('x', 10_001)];

    [Fact]
    public void What_counts_the_same_has_the_same_name()
    {
        Same(Month with { Amount = 6, Mode = "soft", Thresholds = [0.5m], Hold = "stepwise", Clamp = false });
        Same(Month with { Selector = new LimitSelector() });
        CounterName.Identity("n", Month, "UTC", "another code").ShouldBe(Name(Month), "limits that count the same share a counter");
        var named = Month with { Selector = new() { Models = ["a", "b"], Tags = new Dictionary<string, string> { ["x"] = "1", ["y"] = "2" } } };
        Name(Month with { Selector = new() { Models = ["b", "a", "b"], Tags = new Dictionary<string, string> { ["y"] = "2", ["x"] = "1" } } }).ShouldBe(Name(named));
        Name(Requests with { Currency = "EUR" }).ShouldBe(Name(Requests), "a currency of what is no money says nothing");
        CounterName.Identity("n", Requests with { Window = Lifetime }, "UTC", "c").ShouldBe(CounterName.Identity("n", Requests with { Window = Lifetime }, "Asia/Tokyo", "c"));

        static void Same(LimitTerms terms) => Name(terms).ShouldBe(Name(Month));
    }

    [Fact]
    public void What_counts_something_else_has_another_name()
    {
        var rate = Month with { Window = new LimitWindow { Kind = "rate", Every = "minute" } };
        string[] names =
        [
            Name(Month), CounterName.Identity("m", Month, "UTC", "c"), CounterName.Identity("n", Month, "Asia/Tokyo", "c"),
            Name(Month with { Meter = "spend" }), Name(Month with { Currency = "EUR" }), Name(Requests), Name(Requests with { Meter = "images" }),
            Name(Month with { Window = Month.Window with { StartsOn = "2" } }), Name(Month with { Window = new LimitWindow { Kind = "year" } }),
            Name(Month with { Window = Lifetime }), Name(rate), CounterName.Identity("n", rate, "UTC", "d"), Name(rate with { Window = rate.Window with { Every = "hour" } }),
            Name(Month with { Selector = new() { Models = ["a"] } }), Name(Month with { Selector = new() { Providers = ["a"] } }),
            Name(Month with { Selector = new() { Environments = ["a"] } }), Name(Month with { Selector = new() { Endpoints = ["chat"] } }),
        ];
        names.ShouldBeUnique();
        CounterName.Identity("n", rate with { Amount = 9 }, "UTC", "c").ShouldBe(Name(rate));
        names.Select(name => CounterName.Of(name, 0)).ShouldBeUnique();
    }

    [Fact]
    public void Each_window_has_its_own_counter()
    {
        var ids = new[] { 0, 1, 11, 111, -1, 1_790_000_000_000 }.Select(start => CounterName.Of(Name(Month), start)).ToList();
        ids.ShouldBeUnique();
        ids.ShouldAllBe(id => id.Length == CounterName.Length && id.All(char.IsAsciiHexDigitLower));
    }

    [Fact]
    public void No_selectors_collide_whatever_their_entries_hold()
    {
        var seen = new HashSet<string>();
        var random = new Random(7);
        var written = new HashSet<string>();
        for (var i = 0; i < 20_000; i++)
        {
            var lists = Enumerable.Range(0, 4).Select(_ => Some(random)).ToList();
            var tags = Some(random).ToDictionary(name => name, _ => Nasty[random.Next(Nasty.Length)]);
            // Lengths before texts: a form of the same meaning that cannot collide, to compare with.
            var meaning = string.Join('/', lists.Append([.. tags.OrderBy(tag => tag.Key, StringComparer.Ordinal).SelectMany(tag => new[] { tag.Key, tag.Value })])
                .Select(list => $"{list.Count}:{string.Concat(list.Select(entry => $"{entry.Length}:{entry}"))}"));
            var canonical = new LimitSelector { Models = lists[0], Providers = lists[1], Endpoints = lists[2], Environments = lists[3], Tags = tags }.Canonical();
            seen.Add(canonical).ShouldBe(written.Add(meaning));
        }
        seen.Count.ShouldBeGreaterThan(10_000);

        static List<string> Some(Random random) =>
            [.. Enumerable.Range(0, random.Next(4)).Select(_ => Nasty[random.Next(Nasty.Length)]).Distinct().Order(StringComparer.Ordinal)];
    }

    [Fact]
    public void No_names_of_nodes_zones_and_codes_collide()
    {
        var rate = Month with { Window = new LimitWindow { Kind = "rate", Every = "minute" } };
        var names = (from node in Nasty from other in Nasty select (CounterName.Identity(node, Month, other, "c"), CounterName.Identity(node, rate, "UTC", other))).ToList();
        names.Select(pair => pair.Item1).Concat(names.Select(pair => pair.Item2)).ShouldBeUnique();
    }

    private static LimitTerms Requests => Month with { Meter = "requests" };

    private static LimitWindow Lifetime => new() { Kind = "lifetime" };

    private static string Name(LimitTerms terms) => CounterName.Identity("n", terms, "UTC", "c");
}
