using CsCheck;
using Quota.Shared.Amounts;
using Quota.Shared.Pricing;
using Quota.Shared.Usage;

namespace Quota.Shared.Tests.Pricing;

public sealed class PriceFunctionTests
{
    private static decimal Amount(ModelPrice price, UsageCounts usage, PriceTerms? terms = null) =>
        new PriceFunction(price).Amount(usage, terms ?? SomePrices.Plain).ToDecimal();

    [Fact]
    public void An_amount_is_the_sum_of_its_pools()
    {
        var price = new PriceFunction(SomePrices.Of(0.15m, 0.60m) with { CachedInput = 0.075m });
        price.Amount(new UsageCounts { InputTokens = 100, CachedInputTokens = 40, OutputTokens = 10 }, SomePrices.Plain).ShouldBe(new ExactNanos(60 * 150 + 40 * 75 + 10 * 600, 0));
        new PriceFunction(SomePrices.Of(0.0375m, 0m)).Amount(new UsageCounts { InputTokens = 1 }, SomePrices.Plain).ShouldBe(new ExactNanos(37, 500_000_000));
    }

    [Fact]
    public void Cache_writes_of_an_hour_have_their_own_price()
    {
        var usage = new UsageCounts { InputTokens = 100, CachedInputTokens = 20, CacheWriteTokens = 50, CacheWrite1hTokens = 30 };
        decimal Of(decimal? write, decimal? write1h) => Amount(SomePrices.Of(3m, 0m) with { CachedInput = 0.3m, CacheWrite = write, CacheWrite1h = write1h }, usage);
        const long Rest = 30 * 3_000 + 20 * 300;
        Of(3.75m, 6m).ShouldBe(Rest + 20 * 3_750 + 30 * 6_000);
        Of(3.75m, null).ShouldBe(Rest + 50 * 3_750, "as cache_write");
        Of(null, 6m).ShouldBe(Rest + 20 * 3_000 + 30 * 6_000, "the others as input");
        Of(null, null).ShouldBe(Rest + 50 * 3_000, "as input");
    }

    [Fact]
    public void Only_what_a_call_can_have_makes_its_worst_case_dearer()
    {
        var price = new PriceFunction(SomePrices.Of(3m, 15m) with { CacheWrite = 3.75m, CacheWrite1h = 6m, AudioInput = 40m, ImageInput = 5m, AudioOutput = 80m, PerImage = 0.01m, PerRequest = 0.002m });
        WorstPrice Of(CallBounds bounds) => price.WorstCase(bounds);
        Of(new CallBounds { InputTokens = 1 }).ShouldBe(new WorstPrice(3_000, 15_000, 2_000_000));
        Of(new CallBounds { InputTokens = 1, WritesCache = true }).PerInputToken.ShouldBe(3_750);
        Of(new CallBounds { InputTokens = 1, WritesCache = true, WritesCacheForAnHour = true }).PerInputToken.ShouldBe(6_000);
        Of(new CallBounds { InputTokens = 1, HasImages = true, Images = 3 }).ShouldBe(new WorstPrice(5_000, 15_000, 32_000_000));
        Of(new CallBounds { InputTokens = 1, HasAudio = true }).ShouldBe(new WorstPrice(40_000, 80_000, 2_000_000));
    }

    [Fact]
    public void An_amount_is_exactly_what_its_words_say() =>
        Gen.Select(SomePrices.Price, SomePrices.Usage, SomePrices.Tier, SomePrices.At).Sample((price, usage, tier, at) =>
        {
            var terms = new PriceTerms(tier, at);
            Amount(price, usage, terms).ShouldBe(PlainPrice.Amount(price, usage, terms) * 1_000_000_000);
        });

    [Fact]
    public void The_worst_case_is_never_exceeded_at_the_asked_tier_or_the_ordinary_one() =>
        Gen.Select(SomePrices.Price, SomePrices.Usage, SomePrices.Tier, SomePrices.At, Gen.Long[0, 200_000], Gen.Bool).Sample((price, usage, asked, at, more, served) =>
        {
            var function = new PriceFunction(price);
            var worst = function.WorstCase(SomePrices.BoundsOf(usage, asked, more));
            function.Amount(usage, new PriceTerms(served ? asked : "default", at)).ToDecimal()
                .ShouldBeLessThanOrEqualTo((usage.InputTokens + more) * worst.PerInputToken + usage.OutputTokens * worst.PerOutputToken + worst.Fixed);
        });

    [Fact]
    public void Parts_add_up_to_the_whole() =>
        Gen.Select(SomePrices.Price, SomePrices.Usage, SomePrices.Usage, SomePrices.At).Sample((price, a, b, at) =>
        {
            // In one context size; parts that are no more than their whole.
            var linear = new PriceFunction(price with { Variants = [.. price.Variants.Where(variant => variant.AboveInputTokens is null)] });
            static UsageCounts Sound(UsageCounts it) => it with { InputTokens = it.InputTokens * 6, OutputTokens = it.OutputTokens * 4 };
            var (one, two) = (Sound(a), Sound(b));
            var whole = new UsageCounts
            {
                Requests = 2, InputTokens = one.InputTokens + two.InputTokens, CachedInputTokens = one.CachedInputTokens + two.CachedInputTokens, CacheWriteTokens = one.CacheWriteTokens + two.CacheWriteTokens,
                CacheWrite1hTokens = Math.Min(one.CacheWrite1hTokens ?? 0, one.CacheWriteTokens) + Math.Min(two.CacheWrite1hTokens ?? 0, two.CacheWriteTokens),
                AudioInputTokens = (one.AudioInputTokens ?? 0) + (two.AudioInputTokens ?? 0), ImageTokens = (one.ImageTokens ?? 0) + (two.ImageTokens ?? 0),
                OutputTokens = one.OutputTokens + two.OutputTokens, ReasoningTokens = one.ReasoningTokens + two.ReasoningTokens,
                AudioOutputTokens = (one.AudioOutputTokens ?? 0) + (two.AudioOutputTokens ?? 0), ImageOutputTokens = (one.ImageOutputTokens ?? 0) + (two.ImageOutputTokens ?? 0),
                Images = one.Images + two.Images, Seconds = one.Seconds + two.Seconds, Characters = one.Characters + two.Characters,
                ToolCalls = one.ToolCalls!.ToDictionary(tool => tool.Key, tool => tool.Value + two.ToolCalls![tool.Key]),
            };
            var terms = new PriceTerms("flex", at);
            if (linear.Price.PricesTier("flex"))
                (linear.Amount(one, terms).ToDecimal() + linear.Amount(two, terms).ToDecimal()).ShouldBe(linear.Amount(whole, terms).ToDecimal());
            (linear.Amount(one, SomePrices.Plain).ToDecimal() + linear.Amount(two, SomePrices.Plain).ToDecimal()).ShouldBe(linear.Amount(whole, SomePrices.Plain).ToDecimal());
        });

    [Fact]
    public void A_later_variant_wins_and_what_it_does_not_name_stays()
    {
        var price = SomePrices.Of(10m, 20m) with
        {
            CachedInput = 1m, ToolCalls = new Dictionary<string, decimal> { ["a"] = 1, ["b"] = 2 },
            Variants =
            [
                new PriceVariant { ServiceTier = "flex", Input = 5m, Output = 8m, ToolCalls = new Dictionary<string, decimal> { ["b"] = 3 } },
                new PriceVariant { AboveInputTokens = 100, Input = 7m },
            ],
        };
        var usage = new UsageCounts { InputTokens = 110, CachedInputTokens = 10, OutputTokens = 1, ToolCalls = new Dictionary<string, long> { ["a"] = 1, ["b"] = 1 } };
        Amount(price, usage, SomePrices.Plain with { ServiceTier = "flex" }).ShouldBe(100 * 7_000 + 10 * 1_000 + 8_000 + 4_000_000_000m);
        var turned = price with { Variants = [price.Variants[1], price.Variants[0]] };
        Amount(turned, usage, SomePrices.Plain with { ServiceTier = "flex" }).ShouldBe(100 * 5_000 + 10 * 1_000 + 8_000 + 4_000_000_000m);
    }

    [Fact]
    public void Never_more_than_all_cache_writes_are_kept_for_an_hour() =>
        Gen.Select(SomePrices.Price, SomePrices.Usage, Gen.Long[0, long.MaxValue]).Sample((price, usage, more) =>
            Amount(price, usage with { CacheWrite1hTokens = Math.Max(more, usage.CacheWriteTokens) }).ShouldBe(Amount(price, usage with { CacheWrite1hTokens = usage.CacheWriteTokens })));

    [Fact]
    public void What_no_counter_holds_overflows_loudly() =>
        Should.Throw<OverflowException>(() => Amount(SomePrices.Of(1000m, 1000m), new UsageCounts { InputTokens = 1_000_000_000_000 }));
}
