using System.Globalization;
using Quota.Gateway.ControlPlane;
using Quota.Shared.ControlPlane;
using Quota.Shared.Pricing;

namespace Quota.Gateway.Tests.ControlPlane;

/// <summary>What <c>quota.yaml</c> says of prices is what the snapshot has.</summary>
public sealed class FilePriceTests
{
    private static (ControlSnapshot? Snapshot, List<string> Mistakes) ReadFile(string prices, string org = "{}")
    {
        var path = Path.GetTempFileName();
        try
        {
            File.WriteAllText(path, $$"""
                upstreams:
                  anthropic: { protocol: openai, base_url: "http://x", credential: { env: PATH }, models: ["*"] }
                orgs: { acme: {{org}} }
                keys: [ { name: a, secret: qk_0123456789abcdef, scope: acme } ]
                prices: {{prices}}
                """);
            List<string> mistakes = [];
            return (QuotaFile.Read(path, standalone: true, mistakes)?.Snapshot, mistakes);
        }
        finally
        {
            File.Delete(path);
        }
    }

    private static (ModelPrice? Price, List<string> Mistakes) Read(string price)
    {
        var (snapshot, mistakes) = ReadFile($"{{ models: {{ claude-y: {price} }} }}");
        return (snapshot?.Prices.Single(), mistakes);
    }

    [Fact]
    public void Everything_that_a_price_can_say_is_read()
    {
        var (price, mistakes) = Read("""
            { provider: anthropic, aliases: [claude-y-20260101], effective_from: 2026-11-01T02:00:00+02:00, input: "3", output: "15", audio_input: "40", image_input: "5",
              reasoning: "16", audio_output: "80", image_output: "30", per_request: "0.005", per_image: "0.04", per_second: "0.0001", per_character: "0.000015",
              tool_calls: { web_search: "0.01" }, max_input_tokens: 200000,
              variants: [ { above_input_tokens: 200000, input: "6", output: "22.50" }, { service_tier: batch, from: "16:30", to: "00:30:00", cache_write_1h: "1", tool_calls: { web_search: "0.02" } } ] }
            """);
        mistakes.ShouldBeEmpty();
        price.ShouldBe(new ModelPrice
        {
            Provider = "anthropic", Model = "claude-y", Aliases = ["claude-y-20260101"], EffectiveFrom = new(2026, 11, 1, 0, 0, 0, TimeSpan.Zero), Currency = "USD",
            Input = 3, Output = 15, AudioInput = 40, ImageInput = 5, Reasoning = 16, AudioOutput = 80, ImageOutput = 30, PerRequest = 0.005m, PerImage = 0.04m,
            PerSecond = 0.0001m, PerCharacter = 0.000015m, ToolCalls = new Dictionary<string, decimal> { ["web_search"] = 0.01m }, MaxInputTokens = 200_000,
            Variants =
            [
                new() { AboveInputTokens = 200_000, Input = 6, Output = 22.5m },
                new() { ServiceTier = "batch", From = new(16, 30), To = new(0, 30), CacheWrite1h = 1, ToolCalls = new Dictionary<string, decimal> { ["web_search"] = 0.02m } },
            ],
            Version = "anthropic/claude-y@2026-11-01T00:00:00Z",
        });
    }

    [Fact]
    public void One_model_may_have_several_entries_with_dates_and_several_providers()
    {
        var (snapshot, mistakes) = ReadFile("""
            { models: {
              gpt: { provider: openai, input: "2", output: "8" }, gpt-2027: { provider: openai, model: gpt, effective_from: 2027-01-01, input: "1", output: "4" },
              azure-gpt: { provider: azure, model: gpt, input: "3", output: "9" } } }
            """);
        mistakes.ShouldBeEmpty();
        snapshot!.Prices.Select(price => (price.Provider, price.Model, price.Input, price.Version)).ShouldBe(
            [("openai", "gpt", 2m, "openai/gpt@file"), ("openai", "gpt", 1m, "openai/gpt@2027-01-01T00:00:00Z"), ("azure", "gpt", 3m, "azure/gpt@file")]);
        ReadFile("""{ models: { a: { provider: p, input: "1", output: "1" }, b: { provider: p, model: a, input: "2", output: "2" } } }""").Mistakes.Single().ShouldContain("p/a stands twice");
    }

    [Fact]
    public void A_model_that_is_not_listed_is_refused_or_takes_the_ceiling()
    {
        ReadFile("{ unknown: refuse }").ShouldSatisfyAllConditions(read => read.Mistakes.ShouldBeEmpty(), read => read.Snapshot!.UnknownPrice.ShouldBeNull());
        var (snapshot, mistakes) = ReadFile("""{ unknown: { input: "30", output: "180", per_second: "0.01" } }""");
        mistakes.ShouldBeEmpty();
        snapshot!.UnknownPrice.ShouldNotBeNull().ShouldSatisfyAllConditions(
            price => (price.Input, price.Output, price.PerSecond).ShouldBe((30m, 180m, 0.01m)), price => price.Version.ShouldBe("unknown/*@file"));
        ReadFile("{ unknown: allow }").Mistakes.Single().ShouldContain("prices.unknown: 'allow'");
        ReadFile("""{ unknown: { input: "30" } }""").Mistakes.Single().ShouldContain("prices.unknown.output");
        ReadFile("""{ unknown: { input: "30", output: "1", provider: openai } }""").Mistakes.Single().ShouldContain("leave out provider");
    }

    [Theory]
    [InlineData("\"1.25\"", "1.25", null)]
    [InlineData("2", "2", null)]
    [InlineData("~", "1", null)]
    [InlineData("\"0\"", null, "orgs.acme.markup: 0 must be more than 0")]
    [InlineData("\"1.00001\"", null, "more than 4 decimals")]
    [InlineData("a quarter", null, "orgs.acme.markup: 'a quarter' is not a decimal")]
    public void An_org_may_have_a_markup(string markup, string? read, string? mistake)
    {
        var (snapshot, mistakes) = ReadFile("{}", $"{{ markup: {markup} }}");
        if (mistake is null)
            snapshot!.Orgs.Single().Markup.ShouldBe(decimal.Parse(read!, CultureInfo.InvariantCulture));
        else
            mistakes.Single().ShouldContain(mistake);
    }

    [Theory]
    [InlineData("""variants: [ { service_tier: flex, from: "24:30", to: "1:00", input: "1" } ]""", "variants[0].from: '24:30'", "variants[0].to: '1:00'")]
    [InlineData("variants: [ { service_tier: flex } ]", "prices.models.claude-y.variants[0]: needs a rate")]
    [InlineData("variants: [ { input: \"1\" } ]", "prices.models.claude-y.variants[0]: needs a condition")]
    [InlineData("variants: [ ~ ]", "variants[0]: needs a condition", "variants[0]: needs a rate")]
    [InlineData("tool_calls: { web_search: ~ }", "tool_calls.web_search: '' is not a decimal")]
    [InlineData("per_image: \"0.0000000000000000000000000000001\"", "per_image: '0.0000000000000000000000000000001' is not a decimal")]
    [InlineData("effective_from: soon", "effective_from: 'soon'")]
    [InlineData("per_imag: 1", "per_imag")]
    public void Mistakes_of_the_new_words_name_their_place(string words, params string[] expected)
    {
        var mistakes = Read($"{{ provider: anthropic, input: \"3\", output: \"15\", {words} }}").Mistakes;
        mistakes.Count.ShouldBe(expected.Length);
        foreach (var (mistake, part) in mistakes.Zip(expected))
            mistake.ShouldContain(part);
    }

    [Fact]
    public void A_document_that_cannot_be_read_is_a_mistake() => ReadFile("{ import: [ nowhere.json ] }").Mistakes.Single().ShouldContain("nowhere.json");

    [Fact]
    public void Every_price_is_read_under_its_name_in_the_file()
    {
        var (price, mistakes) = Read("""{ provider: anthropic, input: "3", cached_input: "0.3", cache_write: "3.75", cache_write_1h: "6", output: "15" }""");
        mistakes.ShouldBeEmpty();
        price.ShouldNotBeNull();
        (price.Input, price.CachedInput, price.CacheWrite, price.CacheWrite1h, price.Output).ShouldBe((3m, 0.3m, 3.75m, 6m, 15m));
    }

    [Fact]
    public void A_price_that_is_not_there_stays_unknown()
    {
        var (price, mistakes) = Read("""{ provider: anthropic, input: "3", output: "15" }""");
        mistakes.ShouldBeEmpty();
        price.ShouldNotBeNull();
        (price.CachedInput, price.CacheWrite, price.CacheWrite1h).ShouldBe((null, null, null));
    }

    [Theory]
    [InlineData("dear", "'dear' is not a decimal")]
    [InlineData("1000001", "between 0 and 1000000")]
    public void A_mistake_names_the_word_of_the_file(string value, string expected) =>
        Read($$"""{ provider: anthropic, input: "3", cache_write_1h: "{{value}}", output: "15" }""").Mistakes.Single()
            .ShouldSatisfyAllConditions(mistake => mistake.ShouldContain("prices.models.claude-y.cache_write_1h"), mistake => mistake.ShouldContain(expected));
}
