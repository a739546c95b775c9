using Quota.Shared.Pricing;

namespace Quota.Shared.Tests.Pricing.Import;

/// <summary>LiteLLM's map; the expected prices are its numbers per token, second… by hand in our units.</summary>
public sealed class LiteLlmMapTests
{
    private static readonly PriceVariant None = new();

    [Fact]
    public void Every_model_is_imported_or_skipped_for_a_reason()
    {
        var import = Documents.LiteLlm;
        import.Mistakes.ShouldBeEmpty();
        import.Prices.SelectMany(price => price.Mistakes()).ShouldBeEmpty();
        import.Prices.Select(price => (price.Provider, price.Model)).Distinct().Count().ShouldBe(import.Prices.Count);
        // 2,985 keys less sample_spec and last_updated; 24 stand under a second name with the same price.
        (import.Prices.Count + import.Skipped.Count).ShouldBeInRange(2_983 - 30, 2_983);
        import.Skipped.Count(skipped => skipped.Reason.Contains("per_pixel")).ShouldBe(44, "45 have the field, 1 at 0");
        import.Skipped.Count(skipped => skipped.Reason.Contains("dbu")).ShouldBe(28);
        import.Skipped.Count(skipped => skipped.Reason == "mode 'realtime' is not metered here").ShouldBe(28);
        import.Skipped.Count(skipped => skipped.Reason == "mode 'search' is not metered here").ShouldBe(18);
        import.Skipped.Count(skipped => skipped.Reason == "mode 'ocr' is not metered here").ShouldBe(13);
        import.Skipped.Count(skipped => skipped.Reason == "input_cost_per_second is not metered here").ShouldBe(28, "Bedrock's reserved machines");
        import.Skipped.Count(skipped => skipped.Reason == "names no mode").ShouldBe(8);
    }

    [Theory]
    //          provider      model                                            input      output    cached     write
    [InlineData("openai", "gpt-4o", "2.5", "10", "1.25", null)]
    [InlineData("openai", "gpt-4o-2024-08-06", "2.5", "10", "1.25", null)]
    [InlineData("openai", "o3", "2", "8", "0.5", null)]
    [InlineData("openai", "text-embedding-3-small", "0.02", "0", null, null)]
    [InlineData("openai", "omni-moderation-latest", "0", "0", null, null)]
    [InlineData("azure", "gpt-4o", "2.5", "10", "1.25", null)]
    [InlineData("azure", "azure/eu/gpt-4o-2024-08-06", "2.75", "11", "1.375", null)]
    [InlineData("anthropic", "claude-sonnet-5", "2", "10", "0.2", "2.5")]
    [InlineData("bedrock", "us.anthropic.claude-sonnet-4-5-20250929-v1:0", "3.3", "16.5", "0.33", "4.125")]
    [InlineData("bedrock", "bedrock/us-east-1/anthropic.claude-v2:1", "8", "24", null, null)]
    [InlineData("bedrock", "amazon.nova-2-pro-preview-20251202-v1:0", "2.1875", "17.5", "0.546875", null)]
    [InlineData("gemini", "gemini-2.5-pro", "1.25", "10", "0.125", null)]
    [InlineData("gemini", "gemini-embedding-001", "0.15", "0", null, null)]
    [InlineData("vertex_ai", "gemini-2.5-pro", "1.25", "10", "0.125", null)]
    [InlineData("groq", "llama-3.1-8b-instant", "0.05", "0.08", null, null)]
    [InlineData("deepseek", "deepseek-chat", "0.28", "0.42", "0.028", null)]
    [InlineData("xai", "grok-4", "3", "15", null, null)]
    [InlineData("mistral", "mistral-large-latest", "0.5", "1.5", null, null)]
    [InlineData("openrouter", "anthropic/claude-sonnet-4.5", "3", "15", "0.3", "3.75")]
    [InlineData("ollama", "llama3", "0", "0", null, null)]
    public void Tokens_are_priced_per_million(string provider, string model, string input, string output, string? cached, string? write)
    {
        var price = Documents.LiteLlm.One(provider, model);
        (Text(price.Input), Text(price.Output), Text(price.CachedInput), Text(price.CacheWrite)).ShouldBe((input, output, cached, write));
        price.Currency.ShouldBe("USD");
        price.Version.ShouldBe($"{provider}/{model}@litellm:d367a97d5e53", "the first of the document's SHA-256");
    }

    [Fact]
    public void Audio_images_and_reasoning_have_rates_of_their_own()
    {
        var audio = Documents.LiteLlm.One("openai", "gpt-4o-audio-preview");
        (audio.AudioInput, audio.AudioOutput).ShouldBe((40m, 80m));
        var image = Documents.LiteLlm.One("openai", "gpt-image-1.5");
        (image.Input, image.CachedInput, image.ImageInput, image.Output, image.ImageOutput).ShouldBe((5m, 1.25m, 8m, 10m, 32m));
        var flash = Documents.LiteLlm.One("gemini", "gemini-2.5-flash");
        (flash.AudioInput, flash.Reasoning).ShouldBe((1m, 2.5m));
    }

    [Theory]
    [InlineData("openai", "dall-e-3", nameof(ModelPrice.PerImage), "0.04")]
    [InlineData("gemini", "imagen-4.0-generate-001", nameof(ModelPrice.PerImage), "0.04")]
    [InlineData("bedrock", "amazon.titan-embed-image-v1", nameof(ModelPrice.PerImage), "0.00006")]
    [InlineData("openai", "whisper-1", nameof(ModelPrice.PerSecond), "0.0001")]            // as input and as output: one price
    [InlineData("groq", "whisper-large-v3", nameof(ModelPrice.PerSecond), "0.00003083")]
    [InlineData("openai", "sora-2", nameof(ModelPrice.PerSecond), "0.1")]
    [InlineData("openai", "tts-1", nameof(ModelPrice.PerCharacter), "0.000015")]
    [InlineData("groq", "playai-tts", nameof(ModelPrice.PerCharacter), "0.00005")]
    [InlineData("cohere", "rerank-v3.5", nameof(ModelPrice.PerRequest), "0.002")]
    [InlineData("perplexity", "pplx-7b-online", nameof(ModelPrice.PerRequest), "0.005")]
    [InlineData("perplexity", "sonar", nameof(ModelPrice.PerRequest), "0.012")]            // the dearest search of each request
    public void Other_things_are_priced_one_by_one(string provider, string model, string unit, string expected)
    {
        var price = Documents.LiteLlm.One(provider, model);
        var units = new (string Name, decimal? Price)[]
        {
            (nameof(price.PerImage), price.PerImage), (nameof(price.PerSecond), price.PerSecond),
            (nameof(price.PerCharacter), price.PerCharacter), (nameof(price.PerRequest), price.PerRequest),
        };
        var found = units.Where(one => one.Price is not null).ShouldHaveSingleItem();
        (found.Name, Text(found.Price)).ShouldBe((unit, expected));
    }

    [Fact]
    public void What_is_said_twice_in_other_words_is_priced_once()
    {
        var image = Documents.LiteLlm.One("gemini", "gemini-2.5-flash-image");
        (image.ImageOutput, image.PerImage).ShouldBe((30m, null), "0.039 an image is 1,290 of its tokens");
        var speech = Documents.LiteLlm.One("openai", "gpt-4o-mini-tts");
        (speech.AudioOutput, speech.PerSecond).ShouldBe((12m, null));
    }

    [Fact]
    public void A_search_costs_what_its_dearest_size_does()
    {
        Documents.LiteLlm.One("openai", "gpt-4o-search-preview").ToolCalls.ShouldBe(new Dictionary<string, decimal> { ["web_search"] = 0.05m });
        Documents.LiteLlm.One("anthropic", "claude-sonnet-4-5-20250929").ToolCalls!["web_search"].ShouldBe(0.01m);
        Documents.LiteLlm.One("gemini", "gemini-2.5-pro").ToolCalls!["web_search"].ShouldBe(0.035m);
    }

    [Fact]
    public void Sizes_of_the_input_are_variants() =>
        Documents.LiteLlm.One("anthropic", "claude-sonnet-4-5-20250929").Variants.ShouldBe(
            [None with { AboveInputTokens = 200_000, Input = 6, CachedInput = 0.6m, CacheWrite = 7.5m, CacheWrite1h = 12, Output = 22.5m }]);

    [Fact]
    public void Tiers_are_variants() =>
        Documents.LiteLlm.One("openai", "o3").Variants.ShouldBe(
        [
            None with { ServiceTier = "flex", Input = 1, CachedInput = 0.25m, Output = 4 },
            None with { ServiceTier = "priority", Input = 3.5m, CachedInput = 0.875m, Output = 14 },
        ]);

    [Fact]
    public void Sizes_and_tiers_together_come_last()
    {
        var variants = Documents.LiteLlm.One("gemini", "gemini-3-pro-preview").Variants;
        variants.Select(variant => (variant.AboveInputTokens, variant.ServiceTier)).ShouldBe(
            [(200_000, null), (null, "batch"), (null, "priority"), (200_000, "batch"), (200_000, "priority")]);
        variants[0].ShouldBe(None with { AboveInputTokens = 200_000, Input = 4, CachedInput = 0.4m, Output = 18 });
        variants[1].ShouldBe(None with { ServiceTier = "batch", Input = 1, CachedInput = 0.2m, Output = 6 });
        variants[4].ShouldBe(None with { AboveInputTokens = 200_000, ServiceTier = "priority", Input = 7.2m, CachedInput = 0.72m, Output = 32.4m });
    }

    [Fact]
    public void Tiers_of_a_list_begin_above_their_start() =>
        Documents.LiteLlm.One("dashscope", "qwen3-coder-flash").ShouldSatisfyAllConditions(
            price => (price.Input, price.CachedInput, price.Output).ShouldBe((0.3m, 0.08m, 1.5m)),
            price => price.Variants.ShouldBe(
            [
                None with { AboveInputTokens = 32_000, Input = 0.5m, CachedInput = 0.12m, Output = 2.5m },
                None with { AboveInputTokens = 128_000, Input = 0.8m, CachedInput = 0.2m, Output = 4 },
                None with { AboveInputTokens = 256_000, Input = 1.6m, CachedInput = 0.4m, Output = 9.6m },
            ]));

    [Fact]
    public void A_rate_that_a_condition_leaves_out_rises_with_the_one_it_goes_with_and_never_falls()
    {
        // Anthropic's page says 12 for an hour in the cache above 200k; the document only says that the five minutes double.
        Documents.LiteLlm.One("anthropic", "claude-sonnet-4-20250514").Variants[0].CacheWrite1h.ShouldBe(12);
        // The document has Azure's gpt-5.4 with both conditions (10, 1, 45) and OpenAI's without: the same prices otherwise.
        var both = None with { AboveInputTokens = 272_000, ServiceTier = "priority", Input = 10, CachedInput = 1, Output = 45 };
        Documents.LiteLlm.One("azure", "gpt-5.4").Variants[^1].ShouldBe(both);
        Documents.LiteLlm.One("openai", "gpt-5.4").Variants[^1].ShouldBe(both);
        // Flex halves the base price; above 272k nothing says so.
        Documents.LiteLlm.One("openai", "gpt-5.4").Variants.Single(variant => variant is { AboveInputTokens: not null, ServiceTier: "flex" }).Input.ShouldBe(5);
        // Spoken input is not named for flex: it stays at 0.5. Reasoning costs what output does, and goes on doing so.
        var flex = Documents.LiteLlm.One("gemini", "gemini-3.1-flash-lite").Variants.Single(variant => variant.ServiceTier == "flex");
        (flex.Input, flex.AudioInput, flex.Output, flex.Reasoning).ShouldBe((0.125m, 0.5m, 0.75m, 0.75m));
    }

    [Fact]
    public void Bounds_come_along()
    {
        var price = Documents.LiteLlm.One("openai", "gpt-4o");
        (price.MaxInputTokens, price.MaxOutputTokens).ShouldBe((128_000, 16_384));
        Documents.LiteLlm.One("perplexity", "sonar").MaxOutputTokens.ShouldBe(128_000, "max_tokens where nothing else is said");
        Documents.LiteLlm.One("openai", "omni-moderation-latest").MaxOutputTokens.ShouldBeNull("0 is no bound");
    }

    [Theory]
    [InlineData("1024-x-1024/dall-e-2", "input_cost_per_pixel is not metered here")]
    [InlineData("databricks/databricks-claude-opus-4", "input_dbu_cost_per_token is not metered here")]
    [InlineData("bedrock/us-east-1/1-month-commitment/anthropic.claude-v2:1", "input_cost_per_second is not metered here")]
    [InlineData("mistral/mistral-ocr-latest", "mode 'ocr' is not metered here")]
    [InlineData("exa_ai/search", "mode 'search' is not metered here")]
    [InlineData("vertex_ai/search_api", "mode 'vector_store' is not metered here")]
    [InlineData("perplexity/sonar-deep-research", "citation_cost_per_token is not metered here")]
    [InlineData("gemini/gemini-omni-flash-preview", "output_cost_per_video_token is not metered here")]
    [InlineData("us.twelvelabs.pegasus-1-2-v1:0", "input_cost_per_video_per_second is not metered here")]
    [InlineData("medlm-large", "input_cost_per_character is not metered here")]
    [InlineData("openai/container", "names no price per token")]
    [InlineData("github_copilot/gpt-4o", "names no price per token")]
    [InlineData("dashscope/qwen-image-2.0", "names no price per image")]
    [InlineData("gpt-realtime-whisper", "per_second: 0.0002833333333333333 has more than 18 decimals")]
    [InlineData("deepseek/deepseek-chat", "has another price as deepseek-chat")]
    [InlineData("fallback_generalizations", "names no litellm_provider")]
    public void What_cannot_be_said_is_skipped(string name, string reason) => Documents.LiteLlm.WhySkipped(name).ShouldBe(reason);

    private static string? Text(decimal? price) => price?.ToString(System.Globalization.CultureInfo.InvariantCulture);
}
