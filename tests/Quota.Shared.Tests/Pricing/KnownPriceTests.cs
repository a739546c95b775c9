using System.Globalization;
using Quota.Shared.Amounts;
using Quota.Shared.Pricing;
using Quota.Shared.Usage;

namespace Quota.Shared.Tests.Pricing;

/// <summary>Amounts that were worked out by hand from what providers say on their price pages.</summary>
public sealed class KnownPriceTests
{
    private static readonly ModelPrice Gemini25Pro = SomePrices.Of(1.25m, 10m) with
    {
        CachedInput = 0.125m, Variants = [new() { AboveInputTokens = 200_000, Input = 2.5m, CachedInput = 0.25m, Output = 15m }],   // ai.google.dev: prompts > 200k
    };

    private static readonly ModelPrice DeepSeekV3 = SomePrices.Of(0.27m, 1.10m) with
    {
        CachedInput = 0.07m, Variants = [new() { From = new(16, 30), To = new(0, 30), Input = 0.135m, CachedInput = 0.035m, Output = 0.55m }],   // api-docs.deepseek.com until September 2025
    };

    private static readonly ModelPrice Gpt5 = SomePrices.Of(1.25m, 10m) with
    {
        CachedInput = 0.125m,
        Variants = [new() { ServiceTier = "flex", Input = 0.625m, CachedInput = 0.0625m, Output = 5m }, new() { ServiceTier = "priority", Input = 2.5m, CachedInput = 0.25m, Output = 20m }],
    };

    private static readonly ModelPrice Sonnet45 = SomePrices.Of(3m, 15m) with
    {
        CachedInput = 0.3m, CacheWrite = 3.75m, CacheWrite1h = 6m, ToolCalls = new Dictionary<string, decimal> { ["web_search"] = 0.01m },
        Variants = [new() { AboveInputTokens = 200_000, Input = 6m, CachedInput = 0.6m, CacheWrite = 7.5m, CacheWrite1h = 12m, Output = 22.5m }],
    };

    private static readonly ModelPrice Gpt4oAudio = SomePrices.Of(2.5m, 10m) with { AudioInput = 40m, AudioOutput = 80m };

    private static void Costs(ModelPrice price, UsageCounts usage, string dollars, string? tier = null, string at = "12:00:00")
    {
        var terms = new PriceTerms(tier, new DateTimeOffset(SomePrices.Noon.Date + TimeSpan.Parse(at, CultureInfo.InvariantCulture), TimeSpan.Zero));
        (new PriceFunction(price).Amount(usage, terms).ToDecimal() / NanoUnits.PerMajor(Currency.Usd)).ShouldBe(decimal.Parse(dollars, CultureInfo.InvariantCulture));
    }

    [Theory]
    [InlineData(200_000, 0, "0.26")]              // 0.25 + 0.01
    [InlineData(200_001, 50_000, "0.4025025")]    // 150,001 at 2.50 = 0.3750025; 50,000 at 0.25 = 0.0125; 1,000 at 15 = 0.015
    public void Gemini_by_context_size(long input, long cached, string dollars) =>
        Costs(Gemini25Pro, new UsageCounts { InputTokens = input, CachedInputTokens = cached, OutputTokens = 1_000 }, dollars);

    [Theory]
    [InlineData("00:29:59", "0.015")]
    [InlineData("00:30:00", "0.03")]       // 60,000 at 0.27 = 0.0162; 40,000 at 0.07 = 0.0028; 10,000 at 1.10 = 0.011
    [InlineData("16:29:59", "0.03")]
    [InlineData("16:30:00", "0.015")]      // half of each
    [InlineData("23:59:59", "0.015")]
    public void DeepSeek_by_the_hour(string at, string dollars) =>
        Costs(DeepSeekV3, new UsageCounts { InputTokens = 100_000, CachedInputTokens = 40_000, OutputTokens = 10_000 }, dollars, at: at);

    [Theory]
    [InlineData(null, "0.02025")]          // 8,000 at 1.25 = 0.01; 2,000 at 0.125 = 0.00025; 1,000 at 10 = 0.01
    [InlineData("default", "0.02025")]
    [InlineData("flex", "0.010125")]
    [InlineData("priority", "0.0405")]
    [InlineData("scale", "0.0405")]        // without a price of its own: the dearest
    public void OpenAi_by_tier(string? tier, string dollars) =>
        Costs(Gpt5, new UsageCounts { InputTokens = 10_000, CachedInputTokens = 2_000, OutputTokens = 1_000, ReasoningTokens = 640 }, dollars, tier);

    [Fact]
    public void Anthropic_with_a_cache_of_an_hour()
    {
        // 1,000 at 3 = 0.003; 5,000 read at 0.30 = 0.0015; 1,000 written at 3.75 = 0.00375; 3,000 for an hour at 6 = 0.018; 500 at 15 = 0.0075
        Costs(Sonnet45, new UsageCounts { InputTokens = 10_000, CachedInputTokens = 5_000, CacheWriteTokens = 4_000, CacheWrite1hTokens = 3_000, OutputTokens = 500 }, "0.03375");
        // 50,000 at 6 = 0.3; 100,000 read at 0.60 = 0.06; 100,000 for an hour at 12 = 1.2; 1,000 at 22.50 = 0.0225
        Costs(Sonnet45, new UsageCounts { InputTokens = 250_000, CachedInputTokens = 100_000, CacheWriteTokens = 100_000, CacheWrite1hTokens = 100_000, OutputTokens = 1_000 }, "1.5825");
    }

    [Fact]
    public void Web_searches_are_10_dollars_a_thousand() =>
        Costs(Sonnet45, new UsageCounts { Requests = 1, InputTokens = 1_000, OutputTokens = 100, ToolCalls = new Dictionary<string, long> { ["web_search"] = 3 } }, "0.0345");

    [Fact]
    public void Whisper_is_6_tenths_of_a_cent_a_minute() => Costs(SomePrices.Of(0, 0) with { PerSecond = 0.0001m }, new UsageCounts { Requests = 1, Seconds = 90 }, "0.009");

    [Fact]
    public void Speech_is_15_dollars_a_million_characters() => Costs(SomePrices.Of(0, 0) with { PerCharacter = 0.000015m }, new UsageCounts { Requests = 1, Characters = 1_234 }, "0.01851");

    [Fact]
    public void DallE_3_is_4_cents_an_image() => Costs(SomePrices.Of(0, 0) with { PerImage = 0.04m }, new UsageCounts { Requests = 1, Images = 3 }, "0.12");

    [Fact]
    public void A_call_that_failed_costs_nothing() => Costs(SomePrices.Of(1, 1) with { PerRequest = 0.005m }, new UsageCounts(), "0");

    [Fact]
    public void A_search_model_is_billed_by_the_request_beside_its_tokens() =>
        Costs(SomePrices.Of(1, 1) with { PerRequest = 0.005m }, new UsageCounts { Requests = 1, InputTokens = 1_000, OutputTokens = 1_000 }, "0.007");

    // 200 text at 2.50 = 0.0005; 1,000 audio at 40 = 0.04; 100 text at 10 = 0.001; 400 audio at 80 = 0.032
    [Fact]
    public void Audio_tokens_have_their_own_rates() =>
        Costs(Gpt4oAudio, new UsageCounts { InputTokens = 1_200, AudioInputTokens = 1_000, OutputTokens = 500, AudioOutputTokens = 400 }, "0.0735");

    [Fact]
    public void The_worst_case_follows_what_the_call_can_meet()
    {
        new PriceFunction(Gemini25Pro).WorstCase(new CallBounds { InputTokens = 200_000 }).PerInputToken.ShouldBe(1_250);
        new PriceFunction(Gemini25Pro).WorstCase(new CallBounds { InputTokens = 200_001 }).ShouldBe(new WorstPrice(2_500, 15_000, 0));
        new PriceFunction(DeepSeekV3).WorstCase(new CallBounds { InputTokens = 1 }).ShouldBe(new WorstPrice(270, 1_100, 0));
        new PriceFunction(Gpt5).WorstCase(new CallBounds { InputTokens = 1 }).ShouldBe(new WorstPrice(1_250, 10_000, 0));
        new PriceFunction(Gpt5).WorstCase(new CallBounds { InputTokens = 1, ServiceTier = "flex" }).ShouldBe(new WorstPrice(1_250, 10_000, 0), "it may be served at the ordinary tier");
        new PriceFunction(Gpt5).WorstCase(new CallBounds { InputTokens = 1, ServiceTier = "priority" }).ShouldBe(new WorstPrice(2_500, 20_000, 0));
        new PriceFunction(Gpt5).WorstCase(new CallBounds { InputTokens = 1, ServiceTier = "scale" }).ShouldBe(new WorstPrice(2_500, 20_000, 0));
    }
}
