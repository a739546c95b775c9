using System.Globalization;
using System.Text.Json;
using CsCheck;
using Quota.Shared.ControlPlane;
using Quota.Shared.Pricing;

namespace Quota.Shared.Tests.Pricing;

public sealed class ModelPriceTests
{
    private static readonly ModelPrice Plain = SomePrices.Of(1m, 1m);

    private static decimal Number(string text) => decimal.Parse(text, CultureInfo.InvariantCulture);

    [Theory]
    [InlineData("-1")]
    [InlineData("0.0000000000001")]
    [InlineData("1000001")]
    public void Rates_that_cannot_be_counted_are_refused(string text)
    {
        var price = Plain with { Input = Number(text) };
        price.Mistakes().Single().Field.ShouldBe("input");
        Should.Throw<FormatException>(() => new PriceFunction(price));
        (Plain with { CacheWrite1h = Number(text) }).Mistakes().Single().Field.ShouldBe("cache_write_1h");
        (Plain with { Variants = [new() { ServiceTier = "flex", Output = 1 }, new() { AboveInputTokens = 1, Output = Number(text) }] }).Mistakes().Single().Field.ShouldBe("variants[1].output");
    }

    [Theory]
    [InlineData("USD", "0.000000000000000001", true)]
    [InlineData("USD", "0.0000000000000000001", false)]
    [InlineData("JPY", "0.0000000000000001", true)]
    [InlineData("JPY", "0.00000000000000001", false)]
    public void Prices_of_one_have_up_to_18_decimals(string currency, string text, bool fits)
    {
        var price = Plain with { Currency = currency, PerSecond = Number(text), ToolCalls = new Dictionary<string, decimal> { ["web_search"] = Number(text) } };
        price.Mistakes().Select(mistake => mistake.Field).ShouldBe(fits ? [] : ["per_second", "tool_calls.web_search"]);
    }

    public static TheoryData<PriceVariant, string> BadVariants => new()
    {
        { new() { Input = 1 }, "variants[0]" },
        { new() { ServiceTier = "flex" }, "variants[0]" },
        { new() { ServiceTier = "standard", Input = 1 }, "variants[0].service_tier" },
        { new() { AboveInputTokens = -1, Input = 1 }, "variants[0].above_input_tokens" },
        { new() { From = new(1, 0), Input = 1 }, "variants[0].from" },
        { new() { From = new(1, 0), To = new(1, 0), Input = 1 }, "variants[0].from" },
    };

    [Theory]
    [MemberData(nameof(BadVariants))]
    public void A_variant_needs_a_condition_that_can_hold_and_a_rate(PriceVariant variant, string field) =>
        (Plain with { Variants = [variant] }).Mistakes().Single().Field.ShouldBe(field);

    [Fact]
    public void More_combinations_than_a_worst_case_can_look_through_are_refused()
    {
        PriceVariant Of(int i) => new() { AboveInputTokens = i, ServiceTier = $"tier{i}", From = new(i % 24, 0), To = new(i % 24, 30), Input = 1 };
        (Plain with { Variants = [.. Enumerable.Range(0, 40).Select(Of)] }).Mistakes().Single().Field.ShouldBe("variants");
        (Plain with { Variants = [.. Enumerable.Range(0, 49).Select(i => new PriceVariant { AboveInputTokens = i, Input = 1 })] }).Mistakes().Single().Field.ShouldBe("variants");
    }

    [Fact]
    public void Every_price_that_may_be_is_usable() => SomePrices.Price.Sample(price => price.Mistakes().ShouldBeEmpty());

    [Fact]
    public void What_has_no_price_is_unknown_and_not_0()
    {
        var price = Plain with { PerSecond = 0.0001m, CacheWrite = 0m, ToolCalls = new Dictionary<string, decimal> { ["web_search"] = 0.01m }, Variants = [new() { ServiceTier = "flex", Input = 0.5m }] };
        (price.Prices("seconds"), price.Prices("cache_write_tokens"), price.Prices("images"), price.Prices("cache_write_1h_tokens")).ShouldBe((true, true, false, false));
        (price.PricesTool("web_search"), price.PricesTool("file_search")).ShouldBe((true, false));
        (price.PricesTier(null), price.PricesTier("default"), price.PricesTier("FLEX"), price.PricesTier("priority")).ShouldBe((true, true, true, false));
    }

    [Fact]
    public void It_comes_back_from_a_snapshot_as_it_was() => SomePrices.Price.Sample(price =>
    {
        var snapshot = new ControlSnapshot { Version = "", Pepper = "", Prices = [price with { Aliases = ["m-2026-01-01"], EffectiveFrom = SomePrices.Noon }] };
        var json = JsonSerializer.Serialize(snapshot, SnapshotJson.Default.ControlSnapshot);
        JsonSerializer.Deserialize(json, SnapshotJson.Default.ControlSnapshot)!.Prices.ShouldBe(snapshot.Prices);
    });

    [Fact]
    public void What_an_older_snapshot_does_not_say_is_the_least()
    {
        const string Old = """{"version":"","pepper":"","orgs":[{"id":"a","code":"acme","timezone":"UTC","currency":"USD"}],"prices":[{"provider":"p","model":"m","currency":"USD","input":1,"output":2,"version":"v"}]}""";
        var snapshot = JsonSerializer.Deserialize(Old, SnapshotJson.Default.ControlSnapshot)!;
        snapshot.Orgs.Single().Markup.ShouldBe(1);
        snapshot.Prices.Single().Variants.ShouldBeEmpty();
        snapshot.Prices.Single().Aliases.ShouldBeEmpty();
        snapshot.UnknownPrice.ShouldBeNull();
    }
}
