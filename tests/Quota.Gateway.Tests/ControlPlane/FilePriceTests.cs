using Quota.Gateway.ControlPlane;
using Quota.Shared.Pricing;

namespace Quota.Gateway.Tests.ControlPlane;

/// <summary>What <c>quota.yaml</c> says of prices is what the snapshot has.</summary>
public sealed class FilePriceTests
{
    private static (ModelPrice? Price, List<string> Mistakes) Read(string price)
    {
        var path = Path.GetTempFileName();
        try
        {
            File.WriteAllText(path, $$"""
                upstreams:
                  anthropic: { protocol: openai, base_url: "http://x", credential: { env: PATH }, models: ["*"] }
                orgs: { acme: {} }
                keys: [ { name: a, secret: qk_0123456789abcdef, scope: acme } ]
                prices: { models: { claude-y: {{price}} } }
                """);
            List<string> mistakes = [];
            return (QuotaFile.Read(path, standalone: true, mistakes)?.Snapshot?.Prices.Single(), mistakes);
        }
        finally
        {
            File.Delete(path);
        }
    }

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
