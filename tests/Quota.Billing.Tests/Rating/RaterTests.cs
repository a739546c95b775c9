using System.Globalization;
using System.Text.Json;
using CsCheck;
using Quota.Billing.Rating;
using Quota.Billing.Rating.ChargeModels;

namespace Quota.Billing.Tests.Rating;

public sealed class RaterTests
{
    private static readonly Rater Rater = new([new StandardCharge(), new GraduatedCharge()]);

    [Fact]
    public void Every_golden_case_costs_what_its_page_says()
    {
        var cases = GoldenCase.All().ToList();
        cases.Count.ShouldBeGreaterThan(30);
        foreach (var golden in cases)
        {
            var properties = Json(golden.Properties);
            Rater.Check(golden.ChargeModel, properties).ShouldBeEmpty(golden.ToString());
            var line = Rater.Rate(golden.ChargeModel, golden.UnitsValue, properties);
            line.Amount.ShouldBe(golden.AmountValue, golden.ToString());
            if (golden.Steps is { } steps)
                line.Steps.Count.ShouldBe(steps, golden.ToString());
        }
    }

    [Theory]
    [InlineData("tr-TR")]
    [InlineData("de-DE")]
    public void The_machines_culture_changes_nothing(string culture)
    {
        var before = CultureInfo.CurrentCulture;
        try
        {
            CultureInfo.CurrentCulture = CultureInfo.GetCultureInfo(culture);
            Every_golden_case_costs_what_its_page_says();
            var line = Rater.Rate("graduated", 100.5m, Json("""{"tiers":[{"up_to":100,"unit_amount":"0.25"},{"up_to":null,"unit_amount":"0.5"}]}"""));
            AmountDetails.Write("graduated", line).ShouldBe(
                """{"graduated_ranges":[{"from_value":"0","to_value":"100","units":"100","per_unit_amount":"0.25","per_unit_total_amount":"25","flat_unit_amount":"0","total_with_flat_amount":"25"},{"from_value":"100","to_value":null,"units":"0.5","per_unit_amount":"0.5","per_unit_total_amount":"0.25","flat_unit_amount":"0","total_with_flat_amount":"0.25"}]}""");
        }
        finally
        {
            CultureInfo.CurrentCulture = before;
        }
    }

    [Fact]
    public void Both_dialects_of_the_same_tiers_cost_the_same() => Gen.Select(Tiers, Units).Sample((tiers, units) =>
        Rater.Rate("graduated", units, Json(AsRanges(tiers))).Amount == Rater.Rate("graduated", units, Json(AsTiers(tiers))).Amount);

    [Fact]
    public void Steps_sum_to_the_whole() => Gen.Select(Tiers, Units).Sample((tiers, units) =>
    {
        var line = Rater.Rate("graduated", units, Json(AsTiers(tiers)));
        line.Steps.Sum(step => step.Units).ShouldBe(units);
        line.Steps.Sum(step => step.Amount).ShouldBe(line.Amount);
        line.Steps.Zip(line.Steps.Skip(1)).ShouldAllBe(pair => pair.First.To == pair.Second.From);
    });

    [Fact]
    public void More_usage_never_costs_less() => Gen.Select(Tiers, Units, Units).Sample((tiers, some, more) =>
        Rater.Rate("graduated", some, Json(AsTiers(tiers))).Amount <= Rater.Rate("graduated", some + more, Json(AsTiers(tiers))).Amount);

    /// <summary>A limit charges F(after) − F(before) per call: however usage is cut, the parts give the price of the whole.</summary>
    [Fact]
    public void However_usage_is_cut_the_parts_add_up() => Gen.Select(Tiers, Units.Array[1, 20]).Sample((tiers, parts) =>
    {
        var properties = Json(AsTiers(tiers));
        var (used, spent, start) = (0m, 0m, Rater.Rate("graduated", 0, properties).Amount);
        foreach (var part in parts)
        {
            spent += Rater.Rate("graduated", used + part, properties).Amount - Rater.Rate("graduated", used, properties).Amount;
            used += part;
        }
        (start + spent).ShouldBe(Rater.Rate("graduated", used, properties).Amount);
    });

    [Fact]
    public void A_standard_charge_is_additive() => Gen.Select(Units, Units, Price).Sample((a, b, price) =>
    {
        var properties = Json($$"""{"amount":"{{price.ToString(CultureInfo.InvariantCulture)}}"}""");
        return Rater.Rate("standard", a, properties).Amount + Rater.Rate("standard", b, properties).Amount == Rater.Rate("standard", a + b, properties).Amount;
    });

    [Fact]
    public void Two_models_under_one_name_are_refused() =>
        Should.Throw<InvalidOperationException>(() => new Rater([new StandardCharge(), new StandardCharge()])).Message.ShouldContain("'standard'");

    [Fact]
    public void An_unknown_model_is_a_mistake_when_saved_and_an_exception_when_rated()
    {
        Rater.Check("barter", Json("{}")).ShouldHaveSingleItem().Code.ShouldBe("value_is_invalid");
        Should.Throw<KeyNotFoundException>(() => Rater.Rate("barter", 1, Json("{}"))).Message.ShouldContain("graduated, standard");
    }

    private static readonly Gen<decimal> Units = Gen.Long[0, 2_000_000].Select(thousandths => thousandths / 1000m);
    private static readonly Gen<decimal> Price = Gen.Long[0, 10_000_000].Select(parts => parts / 1_000_000m);

    /// <summary>Up to six tiers with whole bounds, each at least one unit wide.</summary>
    private static readonly Gen<(int Width, decimal Unit, decimal Flat)[]> Tiers = Gen.Select(Gen.Int[1, 500], Price, Price).Array[1, 6];

    private static string AsTiers((int Width, decimal Unit, decimal Flat)[] tiers)
    {
        var bound = 0;
        return $$"""{"tiers":[{{string.Join(',', tiers.Select((tier, index) => FormattableString.Invariant(
            $$"""{"up_to":{{(index == tiers.Length - 1 ? "null" : (bound += tier.Width).ToString(CultureInfo.InvariantCulture))}},"unit_amount":"{{tier.Unit}}","flat_amount":"{{tier.Flat}}"}""")))}}]}""";
    }

    private static string AsRanges((int Width, decimal Unit, decimal Flat)[] tiers)
    {
        var bound = 0;
        return $$"""{"graduated_ranges":[{{string.Join(',', tiers.Select((tier, index) => FormattableString.Invariant(
            $$"""{"from_value":{{(index == 0 ? 0 : bound + 1)}},"to_value":{{(index == tiers.Length - 1 ? "null" : (bound += tier.Width).ToString(CultureInfo.InvariantCulture))}},"per_unit_amount":"{{tier.Unit}}","flat_amount":"{{tier.Flat}}"}""")))}}]}""";
    }

    private static JsonElement Json(string text) => JsonElement.Parse(text);
}
