using System.Text.Json;
using Quota.Billing.Rating;
using Quota.Billing.Rating.ChargeModels;

namespace Quota.Billing.Tests.Rating;

public sealed class PropertyCheckTests
{
    private static readonly Rater Rater = new([new StandardCharge(), new GraduatedCharge()]);

    [Theory]
    [InlineData("""{}""", "amount:value_is_mandatory")]
    [InlineData("""[]""", ":value_is_mandatory")]
    [InlineData("""{"amount":null}""", "amount:value_is_mandatory")]
    [InlineData("""{"amount":0.1}""", "amount:invalid_amount")]
    [InlineData("""{"amount":"-0.1"}""", "amount:invalid_amount")]
    [InlineData("""{"amount":"0,1"}""", "amount:invalid_amount")]
    [InlineData("""{"amount":"1e3"}""", "amount:invalid_amount")]
    [InlineData("""{"amount":""}""", "amount:invalid_amount")]
    [InlineData("""{"amount":"0.0000000000001"}""", "amount:invalid_amount")]
    [InlineData("""{"amount":"1000000000.1"}""", "amount:invalid_amount")]
    [InlineData("""{"amount":"99999999999999999999999999999999999999999"}""", "amount:invalid_amount")]
    [InlineData("""{"amount":"1","grouped_by":["model"]}""", "grouped_by:is not supported yet; leave it out")]
    [InlineData("""{"amount":"1","grouped_by":[],"pricing_group_keys":null}""", "")]
    [InlineData("""{"amount":"0.000000000001"}""", "")]
    [InlineData("""{"amount":"0.10000000000000000"}""", "")]
    public void Standard(string properties, string mistakes) => Mistakes("standard", properties).ShouldBe(mistakes);

    [Theory]
    [InlineData("""{}""", "graduated_ranges:missing_graduated_ranges")]
    [InlineData("""{"graduated_ranges":[]}""", "graduated_ranges:invalid_graduated_ranges")]
    [InlineData("""{"graduated_ranges":{}}""", "graduated_ranges:invalid_graduated_ranges")]
    [InlineData("""{"graduated_ranges":[],"tiers":[]}""", "tiers:value_is_invalid")]
    [InlineData("""{"graduated_ranges":[1]}""", "graduated_ranges.0.per_unit_amount:value_is_mandatory graduated_ranges.0.from_value:invalid_graduated_ranges graduated_ranges.0.to_value:invalid_graduated_ranges")]
    // not from 0; a gap; a hole of two; the last closed; one that ends before it begins; one open in the middle
    [InlineData("""{"graduated_ranges":[{"from_value":1,"to_value":null,"per_unit_amount":"1"}]}""", "graduated_ranges.0.from_value:invalid_graduated_ranges")]
    [InlineData("""{"graduated_ranges":[{"from_value":0,"to_value":10,"per_unit_amount":"1"},{"from_value":12,"to_value":null,"per_unit_amount":"1"}]}""", "graduated_ranges.1.from_value:invalid_graduated_ranges")]
    [InlineData("""{"graduated_ranges":[{"from_value":0,"to_value":0.5,"per_unit_amount":"1"},{"from_value":1.5,"to_value":null,"per_unit_amount":"1"}]}""", "graduated_ranges.1.from_value:invalid_graduated_ranges")]
    [InlineData("""{"graduated_ranges":[{"from_value":0,"to_value":10,"per_unit_amount":"1"}]}""", "graduated_ranges.0.to_value:invalid_graduated_ranges")]
    [InlineData("""{"graduated_ranges":[{"from_value":0,"to_value":10,"per_unit_amount":"1"},{"from_value":11,"to_value":9,"per_unit_amount":"1"},{"from_value":10,"to_value":null,"per_unit_amount":"1"}]}""", "graduated_ranges.1.to_value:invalid_graduated_ranges")]
    [InlineData("""{"graduated_ranges":[{"from_value":0,"to_value":null,"per_unit_amount":"1"},{"from_value":11,"to_value":null,"per_unit_amount":"1"}]}""", "graduated_ranges.0.to_value:invalid_graduated_ranges graduated_ranges.1.from_value:invalid_graduated_ranges")]
    [InlineData("""{"graduated_ranges":[{"from_value":0,"to_value":null,"per_unit_amount":"-1","flat_amount":5,"rate":"2"}]}""", "graduated_ranges.0.per_unit_amount:invalid_amount graduated_ranges.0.flat_amount:invalid_amount graduated_ranges.0.rate:is not supported yet; leave it out")]
    [InlineData("""{"tiers":[{"up_to":10,"unit_amount":"1"},{"up_to":10,"unit_amount":"1"},{"up_to":null}]}""", "tiers.1.up_to:invalid_tiers tiers.2.unit_amount:value_is_mandatory")]
    [InlineData("""{"tiers":[{"up_to":"ten","unit_amount":"1"},{"unit_amount":"1"}]}""", "tiers.0.up_to:invalid_tiers")]
    [InlineData("""{"graduated_ranges":[{"from_value":0,"to_value":1,"per_unit_amount":"1"},{"from_value":2,"to_value":null,"per_unit_amount":"0","flat_amount":"3"}]}""", "")]
    public void Graduated(string properties, string mistakes) => Mistakes("graduated", properties).ShouldBe(mistakes);

    [Fact]
    public void A_hundred_tiers_are_read_and_no_more()
    {
        Mistakes("graduated", Tiers(100)).ShouldBe("");
        Mistakes("graduated", Tiers(101)).ShouldBe("tiers:invalid_tiers");
    }

    private static string Tiers(int count) =>
        $$"""{"tiers":[{{string.Join(',', Enumerable.Range(1, count).Select(n => $$"""{"up_to":{{(n == count ? "null" : n)}},"unit_amount":"1"}"""))}}]}""";

    private static string Mistakes(string model, string properties) =>
        string.Join(' ', Rater.Check(model, JsonElement.Parse(properties)).Select(mistake => $"{mistake.Field}:{mistake.Code}"));
}
