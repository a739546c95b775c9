using System.Globalization;
using Quota.Shared.ControlPlane;

namespace Quota.Shared.Tests.ControlPlane;

public sealed class LimitTermsTests
{
    [Fact]
    public void Limits_that_can_be_enforced_have_no_mistakes()
    {
        Fields(Terms("spend", 100.000000001m, "month")).ShouldBeEmpty();
        Fields(Terms("cost", 0.000000001m, "month", zone: "Europe/Berlin")).ShouldBeEmpty();
        Fields(Terms("spend", 9_007_199.254740991m, "lifetime")).ShouldBeEmpty();
        Fields(Terms("spend", 900_719_925.4740991m, "year", currency: "JPY")).ShouldBeEmpty();
        Fields(Terms("requests", (1L << 53) - 1, "lifetime")).ShouldBeEmpty();
        Fields(Terms("requests", 60, "rate", "minute")).ShouldBeEmpty();
        Fields(Terms("requests", 60, "rate", "second", burst: 5)).ShouldBeEmpty();
        Fields(Terms("spend", 10, "rate", "minute")).ShouldBeEmpty();
        Fields(Terms("cost", 0.5m, "rate", "hour", burst: 0.25m)).ShouldBeEmpty();
        Fields(Terms("concurrency", 4, "none")).ShouldBeEmpty();
        foreach (var kind in LimitWindow.Calendar)
            Fields(Terms("total_tokens", 1000, kind, zone: "Asia/Kathmandu")).ShouldBeEmpty();
        foreach (var unit in Meters.Units)
            Fields(Terms(unit, 1, "day")).ShouldBeEmpty();
        foreach (var mode in new[] { "hard", "soft", "shadow" })
            Fields(Terms("requests", 1, "day", mode: mode)).ShouldBeEmpty();
    }

    [Fact]
    public void Every_mistake_is_named() =>
        Fields(Terms("miracles", -1, "fortnight", mode: "polite", zone: "Mars/Olympus") with { Hold = "expected", Thresholds = [2], Selector = new() { Endpoints = ["x"] } })
            .ShouldBe(["meter", "mode", "hold", "amount", "thresholds", "window.kind", "window.timezone", "selector.endpoints"]);

    [Theory]
    [InlineData("spend", "0")]
    [InlineData("spend", "-1")]
    [InlineData("requests", "0")]
    [InlineData("requests", "1.5")]
    [InlineData("requests", "9007199254740992")]
    [InlineData("spend", "9007199.254740992")]      // 2^53 nano-units
    [InlineData("spend", "0.0000000001")]           // finer than a nano-unit
    public void Amounts_are_more_than_nothing_and_countable(string meter, string amount) =>
        Fields(Terms(meter, decimal.Parse(amount, CultureInfo.InvariantCulture), "month")).ShouldBe(["amount"]);

    [Theory]
    [InlineData("rate", null, null, "window.every")]
    [InlineData("rate", "day", null, "window.every")]
    [InlineData("rate", "minute", "0", "window.burst")]
    [InlineData("rate", "minute", "-3", "window.burst")]
    [InlineData("rate", "minute", "2.5", "window.burst")]
    [InlineData("rate", "minute", "9007199254740992", "window.burst")]
    [InlineData("rate", "hour", "3000", "window.burst")]        // 600 hours at 5 an hour
    [InlineData("month", "minute", null, "window.every")]
    [InlineData("month", null, "5", "window.burst")]
    [InlineData("lifetime", null, "5", "window.burst")]
    [InlineData("billing_period", null, null, "window.kind")]
    [InlineData("wallet", null, null, "window.kind")]
    [InlineData("none", null, null, "window")]
    public void Windows_have_what_their_kind_needs_and_nothing_else(string kind, string? every, string? burst, string field) =>
        Fields(Terms("requests", 5, kind, every, burst is null ? null : decimal.Parse(burst, CultureInfo.InvariantCulture))).ShouldBe([field]);

    [Theory]
    [InlineData("month")]
    [InlineData("lifetime")]
    [InlineData("rate")]
    public void Concurrency_has_no_window(string kind) =>
        Fields(Terms("concurrency", 5, kind, kind == "rate" ? "minute" : null)).ShouldBe(["window"]);

    [Theory]
    [InlineData("week", "sunday", true)]
    [InlineData("week", "Sunday", false)]
    [InlineData("week", "1", false)]
    [InlineData("month", "31", true)]
    [InlineData("month", "1", true)]
    [InlineData("month", "0", false)]
    [InlineData("month", "32", false)]
    [InlineData("month", "-1", false)]
    [InlineData("month", "monday", false)]
    [InlineData("quarter", "04-06", true)]
    [InlineData("year", "12-31", true)]
    [InlineData("year", "02-29", false)]
    [InlineData("year", "4-6", false)]
    [InlineData("year", "13-01", false)]
    [InlineData("day", "1", false)]
    [InlineData("hour", "30", false)]
    [InlineData("lifetime", "1", false)]
    public void A_window_starts_on_a_day_of_its_own_kind(string kind, string startsOn, bool fits)
    {
        var terms = Terms("requests", 5, kind);
        Fields(terms with { Window = terms.Window with { StartsOn = startsOn } }).ShouldBe(fits ? [] : ["window.starts_on"]);
    }

    [Theory]
    [InlineData("0.8", true)]
    [InlineData("0.0001 1", true)]
    [InlineData("0.1 0.2 0.3 0.4 0.5 0.6 0.7 0.8 0.9 1", true)]
    [InlineData("0.1 0.2 0.3 0.4 0.5 0.6 0.7 0.8 0.9 0.95 1", false)]
    [InlineData("0", false)]
    [InlineData("1.0001", false)]
    [InlineData("-0.5", false)]
    [InlineData("0.00001", false)]
    [InlineData("0.5 0.50", false)]
    public void Thresholds_are_shares_each_named_once(string shares, bool fit)
    {
        var thresholds = shares.Split(' ').Select(share => decimal.Parse(share, CultureInfo.InvariantCulture)).ToArray();
        Fields(Terms("requests", 5, "month") with { Thresholds = thresholds }).ShouldBe(fit ? [] : ["thresholds"]);
        Fields(Terms("requests", 5, "rate", "minute") with { Thresholds = [0.8m] }).ShouldBe(["thresholds"]);
        Fields(Terms("concurrency", 5, "none") with { Thresholds = [0.8m] }).ShouldBe(["thresholds"]);
    }

    [Fact]
    public void Steps_need_a_meter_that_grows_with_the_answer()
    {
        foreach (var meter in Meters.All.Where(meter => meter != Meters.Concurrency))
            Fields(Terms(meter, 5, "month") with { Hold = LimitTerms.Stepwise }).ShouldBe(meter is "output_tokens" or "total_tokens" or "spend" or "cost" ? [] : ["hold"], meter);
    }

    [Fact]
    public void Selectors_are_bounded_and_name_known_endpoints()
    {
        var full = new LimitSelector { Models = [.. Entries(100)], Endpoints = LimitSelector.EndpointKinds, Tags = Entries(100).ToDictionary(name => name, _ => "v") };
        Select(full).ShouldBeEmpty();
        Select(full with { Models = [.. Entries(101)] }).ShouldBe(["selector.models"]);
        Select(full with { Providers = [""] }).ShouldBe(["selector.providers"]);
        Select(full with { Environments = [new string('e', 257)] }).ShouldBe(["selector.environments"]);
        Select(full with { Endpoints = ["chat", "tea"] }).ShouldBe(["selector.endpoints"]);
        Select(full with { Tags = Entries(101).ToDictionary(name => name, _ => "v") }).ShouldBe(["selector.tags"]);

        static IEnumerable<string> Entries(int count) => Enumerable.Range(0, count).Select(i => $"e{i}");
        static string[] Select(LimitSelector selector) => Fields(Terms("requests", 5, "month") with { Selector = selector });
    }

    private static LimitTerms Terms(string meter, decimal amount, string kind, string? every = null, decimal? burst = null, string? currency = "USD", string mode = "hard", string? zone = null) =>
        new() { Meter = meter, Amount = amount, Currency = currency, Mode = mode, Window = new LimitWindow { Kind = kind, Every = every, Burst = burst, Timezone = zone } };

    private static string[] Fields(LimitTerms terms) => [.. terms.Mistakes().Select(mistake => mistake.Field)];
}
