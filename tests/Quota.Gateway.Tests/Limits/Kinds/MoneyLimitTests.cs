using CsCheck;
using Quota.Gateway.Limits;
using Quota.Gateway.Limits.Kinds;
using Quota.Shared.Amounts;
using Quota.Shared.ControlPlane;
using Quota.Shared.Pricing;
using Quota.Shared.Usage;

namespace Quota.Gateway.Tests.Limits.Kinds;

/// <summary><c>spend</c> and <c>cost</c> of the same call.</summary>
public sealed class MoneyLimitTests
{
    private static readonly PriceFunction Price = new(new ModelPrice
    {
        Provider = "openai", Model = "m", Currency = "USD", Version = "v", Input = 1.25m, CachedInput = 0.125m, Output = 10m, PerRequest = 0.001m, ToolCalls = new Dictionary<string, decimal> { ["web_search"] = 0.01m },
        Variants = [new() { ServiceTier = "flex", Input = 0.625m, CachedInput = 0.0625m, Output = 5m }, new() { From = new(0, 0), To = new(6, 0), Output = 2m }],
    });

    private static readonly PriceTerms Noon = new(null, new DateTimeOffset(2026, 11, 23, 12, 0, 0, TimeSpan.Zero));
    private static readonly MoneyLimit Spend = new(Meters.Spend), Cost = new(Meters.Cost);
    private static readonly UsageCounts Usage = new() { Requests = 1, InputTokens = 1_000, OutputTokens = 100 };   // 1,250,000 + 1,000,000 + 1,000,000 nano-dollars

    private static decimal Used(MoneyLimit kind, CallPrice price) => kind.Used(Usage, price, isRate: false).ToDecimal();

    [Fact]
    public void The_org_pays_the_price_times_its_markup_and_the_vendor_charges_the_price()
    {
        var price = new CallPrice(Price, Noon, 1.25m, null);
        (Used(Spend, price), Used(Cost, price)).ShouldBe((3_250_000 * 1.25m, 3_250_000m));
    }

    [Fact]
    public void What_the_provider_says_is_the_cost_and_not_the_spend()
    {
        var price = new CallPrice(Price, Noon, 2, 0.0012m);
        (Used(Spend, price), Used(Cost, price)).ShouldBe((6_500_000m, 1_200_000m));
        Used(Cost, price with { ProviderCost = 0 }).ShouldBe(0, "0 is a word, too");
        Used(Cost, price with { ProviderCost = 0.0000000000000000000000001m }).ShouldBe(0.000000001m, "finer than a counter: up");
    }

    [Theory]
    [InlineData("-1")]
    [InlineData("1000000")]
    public void What_cannot_be_an_amount_is_not_taken_for_one(string said) =>
        Used(Cost, new CallPrice(Price, Noon, 1, decimal.Parse(said, System.Globalization.CultureInfo.InvariantCulture))).ShouldBe(3_250_000);

    [Fact]
    public void A_hold_covers_both_and_follows_the_markup()
    {
        var demand = new Demand
        {
            InputTokens = 1_000, Choices = 1, Output = 100, IsNamed = true, CanGrow = false, Price = Price, Markup = 1.25m, ToolCalls = new Dictionary<string, long> { ["web_search"] = 2 },
        };
        Cost.WorstCase(demand).ShouldBe(new WorstCase(1_250_000 + 1_000_000 + 20_000_000, 10_000));
        Spend.WorstCase(demand).ShouldBe(new WorstCase(22_250_000 * 1.25m, 12_500));
    }

    [Fact]
    public void No_use_is_above_its_hold() =>
        Gen.Select(Gen.Long[0, 100_000], Gen.Long[0, 10_000], Gen.Long[0, 3], Gen.Int[1, 20_000], Gen.Int[0, 86_399], Gen.Bool, Gen.Bool).Sample((input, output, searches, markup, second, flex, served) =>
        {
            var usage = new UsageCounts { Requests = 1, InputTokens = input, OutputTokens = output, ToolCalls = new Dictionary<string, long> { ["web_search"] = searches } };
            var demand = new Demand
            {
                InputTokens = input, Choices = 1, Output = output, IsNamed = true, CanGrow = false, Price = Price, Markup = markup / 10_000m, ServiceTier = flex ? "flex" : null, ToolCalls = usage.ToolCalls,
            };
            var price = new CallPrice(Price, new PriceTerms(flex && served ? "flex" : "default", Noon.At.Date.AddSeconds(second)), demand.Markup, null);
            foreach (var kind in new[] { Spend, Cost })
                ((decimal)kind.Used(usage, price, isRate: false).Ceiling).ShouldBeLessThanOrEqualTo(kind.WorstCase(demand).At(output));
        });
}
