using Quota.Gateway.ControlPlane;
using Quota.TestKit;

namespace Quota.Gateway.Tests.ControlPlane;

/// <summary><c>prices.import</c>: public documents beside <c>quota.yaml</c>.</summary>
public sealed class PriceImportsTests
{
    private const string LiteLlm = "litellm-model-prices.json", GenAi = "genai-prices-v2.json";

    private static readonly string Folder = Path.GetDirectoryName(Repository.TestData(LiteLlm))!;

    [Fact]
    public void The_document_named_first_has_a_model()
    {
        List<string> mistakes = [];
        var prices = PriceImports.Read([LiteLlm, GenAi], Folder, mistakes);
        mistakes.ShouldBeEmpty();
        // DeepSeek's chat is in both, at 0.28 and, four weeks later in the other, 0.135; Sonnet 3.5 is in the other alone.
        prices.Single(price => price is { Provider: "deepseek", Model: "deepseek-chat" }).Input.ShouldBe(0.28m);
        PriceImports.Read([GenAi, LiteLlm], Folder, mistakes).Single(price => price is { Provider: "deepseek", Model: "deepseek-chat" }).Input.ShouldBe(0.135m);
        prices.Single(price => price is { Provider: "anthropic", Model: "claude-3-5-sonnet" }).Input.ShouldBe(3);
        _ = new Quota.Shared.Pricing.PriceBook(prices);
    }

    [Fact]
    public void What_is_wrong_with_a_file_is_told_with_its_name()
    {
        List<string> mistakes = [];
        PriceImports.Read(["README.md", "nothing.json", "", "no\0name", "."], Folder, mistakes).ShouldBeEmpty();
        mistakes.Count.ShouldBe(5);
        mistakes[0].ShouldStartWith("prices.import README.md: the document is not usable JSON");
        mistakes[1].ShouldStartWith("prices.import: 'nothing.json' cannot be read");
        mistakes[2].ShouldStartWith("prices.import: an entry is empty");
    }
}
