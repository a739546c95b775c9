using System.Globalization;
using System.Text;
using Quota.Shared.Pricing;
using Quota.Shared.Pricing.Import;

namespace Quota.Shared.Tests.Pricing.Import;

/// <summary>genai-prices v2; the expected prices are its own numbers, which are per million tokens or per thousand of other things.</summary>
public sealed class GenAiPricesTests
{
    private static readonly PriceVariant None = new();

    [Fact]
    public void Every_model_is_imported_or_skipped_for_a_reason()
    {
        var import = Documents.GenAi;
        import.Mistakes.ShouldBeEmpty();
        import.Prices.SelectMany(price => price.Mistakes()).ShouldBeEmpty();
        // 1,466 models, 13 of which have a second price from a later date.
        (import.Prices.Count(price => price.EffectiveFrom is null) + import.Skipped.Count).ShouldBe(1_466);
        import.Prices.Count(price => price.EffectiveFrom is not null).ShouldBe(13);
        import.Skipped.Count(skipped => skipped.Reason == "names no price").ShouldBe(157);
        import.Skipped.Count(skipped => skipped.Reason.EndsWith("decimals", StringComparison.Ordinal)).ShouldBe(7, "1/12 in 16 digits");
        PriceBook.Mistakes(import.Prices).ShouldBeEmpty();
    }

    [Theory]
    //          provider      model                          input    output   cached    write    hour
    [InlineData("openai", "gpt-4o", "2.5", "10", "1.25", null, null)]
    [InlineData("anthropic", "claude-3-haiku", "0.25", "1.25", "0.03", "0.3", "0.5")]
    [InlineData("bedrock", "amazon.nova-micro-v1:0", "0.035", "0.14", "0.00875", null, null)]
    [InlineData("gemini", "gemini-2.5-flash", "0.3", "2.5", "0.03", null, null)]
    [InlineData("together_ai", "meta-llama/Llama-3.3-70B-Instruct-Turbo", "0.88", "0.88", null, null, null)]
    [InlineData("openai", "text-embedding-3-small", "0.02", "0.02", null, null, null)]      // without an output price: not free, if there were some
    public void Tokens_are_priced_per_million(string provider, string model, string input, string output, string? cached, string? write, string? hour)
    {
        var price = Documents.GenAi.One(provider, model);
        (Text(price.Input), Text(price.Output), Text(price.CachedInput), Text(price.CacheWrite), Text(price.CacheWrite1h)).ShouldBe((input, output, cached, write, hour));
        price.Version.ShouldBe($"{provider}/{model}@genai-prices:e0364c430e72", "the first of the document's SHA-256");
    }

    [Fact]
    public void Other_kinds_of_tokens_and_other_things_have_prices()
    {
        var image = Documents.GenAi.One("openai", "gpt-image-1.5");
        (image.ImageInput, image.ImageOutput).ShouldBe((8m, 32m));
        var audio = Documents.GenAi.One("gemini", "gemini-2.0-flash");
        (audio.AudioInput, audio.CachedInput).ShouldBe((0.7m, 0.025m));
        Documents.GenAi.One("perplexity", "sonar").PerRequest.ShouldBe(0.012m, "12 for a thousand");
        Documents.GenAi.One("anthropic", "claude-3-5-sonnet").ToolCalls.ShouldBe(new Dictionary<string, decimal> { ["web_search"] = 0.01m });
        Documents.GenAi.One("openrouter", "perplexity/sonar-deep-research").Reasoning.ShouldBe(3);
        Documents.GenAi.One("openai", "gpt-4o").MaxInputTokens.ShouldBe(128_000);
    }

    [Fact]
    public void A_tier_begins_above_its_start() =>
        Documents.GenAi.One("anthropic", "claude-sonnet-4-5").ShouldSatisfyAllConditions(
            price => (price.Input, price.CacheWrite1h, price.Output).ShouldBe((3, 6, 15)),
            price => price.Variants.ShouldBe([None with { AboveInputTokens = 200_000, Input = 6, CachedInput = 0.6m, CacheWrite = 7.5m, CacheWrite1h = 12, Output = 22.5m }]));

    [Fact]
    public void A_start_date_begins_a_price()
    {
        var history = Documents.GenAi.History("openai", "o3");
        history.Select(price => (price.EffectiveFrom, price.Input, price.Output)).ShouldBe([(null, 10, 40), (new DateTimeOffset(2025, 6, 10, 0, 0, 0, TimeSpan.Zero), 2, 8)]);
        history[1].Version.ShouldBe("openai/o3@genai-prices:e0364c430e72/2025-06-10");
        // From 13 March 2026 Opus 4.6 has no long-context price any more.
        Documents.GenAi.History("anthropic", "claude-opus-4-6").Select(price => (price.Variants.Count, price.Output)).ShouldBe([(1, 25), (0, 25)]);
    }

    [Fact]
    public void A_time_of_day_is_a_variant()
    {
        var price = Documents.GenAi.One("deepseek", "deepseek-reasoner");
        (price.Input, price.CachedInput, price.Output).ShouldBe((0.135m, 0.035m, 0.55m));
        price.Variants.ShouldBe([None with { From = new TimeOnly(0, 30), To = new TimeOnly(16, 30), Input = 0.55m, CachedInput = 0.14m, Output = 2.19m }]);
    }

    [Fact]
    public void Exact_names_are_aliases()
    {
        Documents.GenAi.One("openai", "gpt-4o").Aliases.ShouldBe(["gpt-4o-2024-05-13", "gpt-4o-2024-08-06", "gpt-4o-2024-11-20"]);
        Documents.GenAi.One("anthropic", "claude-3-haiku").Aliases.ShouldBeEmpty("starts_with is no name");
        Documents.GenAi.One("anthropic", "claude-opus-4-0").Aliases.ShouldBe(["claude-opus-4", "claude-opus-4-20250514"]);
    }

    [Theory]
    [InlineData("google/gemini-embedding-2", "input_video_mtok is not metered here")]       // 12, where text is 0.2
    [InlineData("google/gemini-omni-flash-preview", "output_video_mtok is not metered here")]
    [InlineData("perplexity/sonar-deep-research", "output_citation_mtok is not metered here")]
    [InlineData("mistral/mistral-nemo:free", "names no price")]
    [InlineData("openrouter/google/gemini-2.5-flash-lite", "cache_write: 0.08333333333333334 has more than 12 decimals")]
    public void What_cannot_be_said_is_skipped(string name, string reason) => Documents.GenAi.WhySkipped(name).ShouldBe(reason);

    [Theory]
    [InlineData("""[{"constraint":{"start_date":"2026-01-01"},"prices":{"input_mtok":1,"output_mtok":2}},{"prices":{"input_mtok":3,"output_mtok":4}}]""", "3")]     // the last that is active holds
    [InlineData("""[{"prices":{"input_mtok":1,"output_mtok":2}},{"constraint":{"start_date":"2026-01-01"},"prices":{"input_mtok":3,"output_mtok":4}}]""", "1 3")]
    [InlineData("""[{"constraint":{"start_date":"2026-01-01"},"prices":{"input_mtok":1,"output_mtok":2}}]""", "1")]                                                  // the first when none is
    [InlineData("""[{"prices":{"input_mtok":1}},{"constraint":{"start_date":"2026-02-01"},"prices":{"input_mtok":1}},{"constraint":{"start_date":"2026-01-01"},"prices":{"input_mtok":1}}]""", "has start_dates out of order")]
    [InlineData("""[{"prices":{"input_mtok":1}},{"constraint":{"start_time":"22:00:00Z","end_time":"02:00:00Z"},"prices":{"input_mtok":1}}]""", "has a start_time that is not before its end_time")]
    [InlineData("""[{"prices":{"input_mtok":1,"cache_read_mtok":1}},{"constraint":{"start_time":"01:00:00Z","end_time":"02:00:00Z"},"prices":{"input_mtok":1}}]""", "has a time of day that does not price all that the rest of the day does")]
    [InlineData("""[{"prices":{"input_mtok":1}},{"constraint":{"weekday":1},"prices":{"input_mtok":1}}]""", "has a constraint that is neither a start_date nor times of day")]
    [InlineData("""{"input_mtok":1,"output_mtok":1,"sausages_kcount":2}""", "sausages_kcount is not metered here")]
    [InlineData("""{"output_mtok":1}""", "names no input price")]
    [InlineData("[]", "names no price")]
    public void Prices_of_a_list_are_a_history(string prices, string expected)
    {
        var import = PriceDocument.Read(Encoding.UTF8.GetBytes($$"""[{"id":"openai","models":[{"id":"m","match":{"equals":"m"},"prices":{{prices}}}]}]"""));
        import.Mistakes.ShouldBeEmpty();
        var said = import.Skipped.Count > 0 ? import.Skipped.Single().Reason : string.Join(' ', import.Prices.Select(price => Text(price.Input)));
        said.ShouldBe(expected);
    }

    private static string? Text(decimal? price) => price?.ToString(CultureInfo.InvariantCulture);
}
