using Quota.Shared.Pricing;

namespace Quota.Shared.Tests.Pricing;

public sealed class PriceBookTests
{
    private static readonly DateTimeOffset Now = SomePrices.Noon;

    private static ModelPrice Of(string model, decimal input, string provider = "openai", DateTimeOffset? from = null, params string[] aliases) =>
        SomePrices.Of(input, 0) with { Provider = provider, Model = model, EffectiveFrom = from, Aliases = aliases };

    private static decimal? Input(PriceBook book, string model, string provider = "openai", DateTimeOffset? at = null) => book.Find(provider, model, at ?? Now)?.Price.Input;

    [Fact]
    public void The_last_price_that_has_begun_is_in_force()
    {
        var book = new PriceBook([Of("m", 2, from: Now), Of("m", 1), Of("m", 3, from: Now.AddDays(1))]);
        Input(book, "m", at: Now.AddTicks(-1)).ShouldBe(1);
        Input(book, "m", at: Now).ShouldBe(2);
        Input(book, "m", at: Now.AddDays(1).AddTicks(-1)).ShouldBe(2);
        Input(book, "m", at: Now.AddDays(1)).ShouldBe(3);
        Input(new PriceBook([Of("m", 2, from: Now)]), "m", at: Now.AddTicks(-1)).ShouldBeNull("nothing has begun");
    }

    [Fact]
    public void A_name_wins_over_an_alias_and_an_alias_over_a_less_exact_name()
    {
        ModelPrice undated = Of("gpt-4o", 2.5m), aliased = Of("gpt-4o-first", 5m, aliases: "gpt-4o-2024-05-13"), dated = Of("gpt-4o-2024-05-13", 7m);
        Input(new PriceBook([undated]), "gpt-4o-2024-05-13").ShouldBe(2.5m);
        Input(new PriceBook([undated, aliased]), "gpt-4o-2024-05-13").ShouldBe(5m);
        Input(new PriceBook([undated, aliased, dated]), "gpt-4o-2024-05-13").ShouldBe(7m);
        Input(new PriceBook([aliased, dated]), "gpt-4o").ShouldBeNull("a dated price is not that of the undated name");
    }

    [Fact]
    public void A_price_of_another_provider_or_another_model_is_none()
    {
        var book = new PriceBook([Of("gpt-4o", 2.5m)]);
        Input(book, "gpt-4o", "azure").ShouldBeNull();
        Input(book, "gpt-4o-mini").ShouldBeNull();
        Input(book, "gpt-4o-mini-2024-07-18").ShouldBeNull();
    }

    [Fact]
    public void A_model_without_a_price_takes_the_ceiling_where_there_is_one()
    {
        var book = new PriceBook([Of("gpt-4o", 2.5m)], Of("*", 100m));
        (Input(book, "gpt-4o-2024-05-13"), Input(book, "gpt-9")).ShouldBe((2.5m, 100m));
    }

    [Fact]
    public void What_stands_twice_is_refused()
    {
        ModelPrice[] twice = [Of("m", 1, from: Now), Of("m", 2, from: Now)];
        Should.Throw<FormatException>(() => new PriceBook(twice)).Message.ShouldContain("openai/m");
        PriceBook.Mistakes(twice).Single().ShouldContain("openai/m");
    }

    [Fact]
    public void An_alias_that_two_claim_is_nobodys()
    {
        ModelPrice[] prices = [Of("a", 1, aliases: "x"), Of("b", 2, aliases: "x"), Of("a", 3, "azure", aliases: "x")];
        var book = new PriceBook(prices);
        (Input(book, "x"), Input(book, "x", "azure")).ShouldBe((null, 3m));
        PriceBook.Mistakes(prices).Single().ShouldContain("openai/x");
        PriceBook.Mistakes([Of("a", 1, aliases: "x"), Of("a", 2, from: Now, aliases: "x")]).ShouldBeEmpty();
    }

    // The names are those of the providers' own pages and of LiteLLM's map.
    [Theory]
    [InlineData("gpt-4o-2024-08-06", "gpt-4o")]
    [InlineData("claude-sonnet-4-5-20250929", "claude-sonnet-4-5")]
    [InlineData("claude-sonnet-4-5@20250929", "claude-sonnet-4-5")]
    [InlineData("claude-3-5-sonnet-latest", "claude-3-5-sonnet")]
    [InlineData("gemini-2.0-flash-001", "gemini-2.0-flash")]
    [InlineData("models/gemini-2.5-pro", "gemini-2.5-pro")]
    [InlineData("models/gemini-2.0-flash-001", "models/gemini-2.0-flash", "gemini-2.0-flash-001", "gemini-2.0-flash")]
    [InlineData("us.anthropic.claude-sonnet-4-5-20250929-v1:0", "anthropic.claude-sonnet-4-5-20250929-v1:0", "us.anthropic.claude-sonnet-4-5-20250929", "anthropic.claude-sonnet-4-5-20250929", "us.anthropic.claude-sonnet-4-5", "anthropic.claude-sonnet-4-5")]
    [InlineData("global.amazon.nova-lite-v1:0", "amazon.nova-lite-v1:0", "global.amazon.nova-lite", "amazon.nova-lite")]
    [InlineData("apac.amazon.nova-micro-v1:0", "amazon.nova-micro-v1:0", "apac.amazon.nova-micro", "amazon.nova-micro")]
    [InlineData("gpt-4o-mini")]
    [InlineData("gpt-4-0613")]
    [InlineData("us.claude")]
    [InlineData("text-embedding-004")]
    [InlineData("model-20259999")]
    [InlineData("-20250929")]
    [InlineData("-latest")]
    [InlineData("models/")]
    [InlineData("")]
    public void Less_exact_names(string name, params string[] others) => ModelNames.LessExact(name).ShouldBe(others, ignoreOrder: true);

    [Fact]
    public void A_region_goes_before_a_date()
    {
        var book = new PriceBook([Of("anthropic.claude-x", 1, "bedrock"), Of("anthropic.claude-x-20250929-v1:0", 2, "bedrock"), Of("us.anthropic.claude-x", 3, "bedrock")]);
        Input(book, "us.anthropic.claude-x-20250929-v1:0", "bedrock").ShouldBe(2);
        Input(book, "us.anthropic.claude-x-20260101-v1:0", "bedrock").ShouldBe(3);
        Input(book, "eu.anthropic.claude-x-20260101-v1:0", "bedrock").ShouldBe(1);
    }
}
