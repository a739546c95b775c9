using Quota.Gateway.Providers.Tokens;

namespace Quota.Gateway.Tests.Providers.Tokens;

/// <summary>The largest image by each provider's own page; worked out by hand.</summary>
public sealed class ImageTokensTests
{
    [Theory]
    [InlineData("openai", "gpt-4o-2024-08-06", 85 + 8 * 170)]   // 2048 x 768: 4 x 2 tiles of 512
    [InlineData("openai", "gpt-4o-mini", 2833 + 8 * 5667)]
    [InlineData("openai", "ft:gpt-4o-mini:acme::x", 2833 + 8 * 5667)]
    [InlineData("openai", "gpt-4.1", 85 + 8 * 170)]
    [InlineData("openai", "gpt-4.1-mini-2025-04-14", 2489)]   // 1536 x 1.62 = 2488.32
    [InlineData("openai", "gpt-4.1-nano", 3779)]   // 1536 x 2.46 = 3778.56
    [InlineData("openai", "o4-mini", 2642)]   // 1536 x 1.72 = 2641.92
    [InlineData("openai", "o1", 75 + 8 * 150)]
    [InlineData("azure", "o3", 75 + 8 * 150)]
    [InlineData("openai", "gpt-5", 70 + 8 * 140)]
    [InlineData("openai", "gpt-5-nano", 3779)]
    [InlineData("anthropic", "claude-sonnet-4-5-20250929", 1600)]
    [InlineData("anthropic", "claude-sonnet-4-20250514", 1600)]
    [InlineData("anthropic", "claude-3-haiku-20240307", 1600)]
    [InlineData("anthropic", "claude-opus-4-7", 4784)]
    public void A_known_model_has_a_most(string provider, string model, long most) => ImageTokens.Most(provider, model).ShouldBe(most);

    [Theory]
    [InlineData("openai", "gpt-5.4")]
    [InlineData("openai", "gpt-6")]
    [InlineData("openai", "gpt-4")]
    [InlineData("openai", "o4")]
    [InlineData("anthropic", "claude-opus-5")]
    [InlineData("anthropic", "claude-opus-4-9")]
    [InlineData("gemini", "gemini-2.5-pro")]
    [InlineData("mistral", "gpt-4o")]
    public void An_unknown_one_has_none(string provider, string model) => ImageTokens.Most(provider, model).ShouldBeNull();
}
