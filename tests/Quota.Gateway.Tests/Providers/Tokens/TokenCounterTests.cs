using Quota.Gateway.Providers.Tokens;

namespace Quota.Gateway.Tests.Providers.Tokens;

/// <summary>Which tokenizer a model has (tiktoken's own table), and that text is counted as it counts.</summary>
public sealed class TokenCounterTests
{
    [Theory]
    [InlineData("gpt-4o-mini-2024-07-18", "gpt-4o")]
    [InlineData("chatgpt-4o-latest", "gpt-4o")]
    [InlineData("gpt-4.1-nano", "gpt-4o")]
    [InlineData("gpt-5", "gpt-4o")]
    [InlineData("gpt-5.1-codex", "gpt-4o")]
    [InlineData("o1-mini", "gpt-4o")]
    [InlineData("o3", "gpt-4o")]
    [InlineData("o4-mini-2025-04-16", "gpt-4o")]
    [InlineData("ft:gpt-4o-mini:acme::x1", "gpt-4o")]
    [InlineData("gpt-4", "gpt-4-turbo")]
    [InlineData("gpt-3.5-turbo-0125", "gpt-4")]
    [InlineData("gpt-35-turbo", "gpt-4")]
    [InlineData("text-embedding-3-large", "gpt-4")]
    [InlineData("text-embedding-ada-002", "gpt-4")]
    [InlineData("babbage-002", "gpt-4")]
    public async Task A_model_has_its_familys_tokenizer(string model, string family) =>
        (await TokenCounter.Loading(model)!).ShouldBeSameAs(await TokenCounter.Loading(family)!);

    [Theory]
    [InlineData("claude-sonnet-4-5")]
    [InlineData("gemini-2.5-pro")]
    [InlineData("gpt-oss-120b")]
    [InlineData("gpt-4.9")]
    [InlineData("gpt-6")]
    [InlineData("o30")]
    [InlineData("gpt-4o-search-preview")]
    [InlineData("o3-deep-research")]
    [InlineData("gpt-4o-audio-preview")]
    [InlineData("openai/gpt-4o")]
    [InlineData("")]
    public void A_model_whose_tokenizer_is_not_public_has_none(string model)
    {
        TokenCounter.Loading(model).ShouldBeNull();
        TokenCounter.For(model).ShouldBeNull();
    }

    /// <summary>From OpenAI's cookbook (How to count tokens with tiktoken), and the ids that tiktoken's README gives for a special token that is only text.</summary>
    [Theory]
    [InlineData("gpt-4", "antidisestablishmentarianism", 6)]
    [InlineData("gpt-4", "2 + 2 = 4", 7)]
    [InlineData("gpt-4", "お誕生日おめでとう", 9)]
    [InlineData("gpt-4o", "antidisestablishmentarianism", 6)]
    [InlineData("gpt-4o", "2 + 2 = 4", 7)]
    [InlineData("gpt-4o", "お誕生日おめでとう", 8)]
    [InlineData("gpt-4", "tiktoken is great!", 6)]
    [InlineData("gpt-4", "<|endoftext|>", 7)]
    [InlineData("gpt-4o", "", 0)]
    public async Task Text_has_the_tokens_that_OpenAI_counts(string model, string text, long tokens) => (await TokenCounter.Loading(model)!).Count(text, out _).ShouldBe(tokens);

    [Fact]
    public async Task A_long_text_is_cut_before_spaces_and_counts_as_if_it_were_not()
    {
        foreach (var encoding in Encodings.All)
        {
            var counter = await TokenCounter.Loading(encoding.Model)!;
            foreach (var text in new[] { Repeated("The 7 quick,  brown foxes' \n jumps… don't ", 400), Repeated(" \t  x \r\n\r\n  y", 300), Repeated("данные и ещё, ", 300) })
            {
                counter.Count(text, out var cuts).ShouldBe(encoding.Count(text));
                cuts.ShouldBe(0);
            }
            counter.Count(Repeated("語", 1000), out var inChinese).ShouldBeGreaterThan(400);
            inChinese.ShouldBe(3);
            counter.Count(Repeated("🦊", 300), out _).ShouldBe(Repeated("🦊", 300).Chunk(TokenCounter.PieceChars).Sum(piece => encoding.Count(new string(piece))));   // never cut in the middle of a sign
        }
    }

    private static string Repeated(string text, int times) => string.Concat(Enumerable.Repeat(text, times));
}
