using System.Text;
using Quota.Shared.Pricing;
using Quota.Shared.Pricing.Import;

namespace Quota.Shared.Tests.Pricing.Import;

public sealed class PriceDocumentTests
{
    private static readonly DateTimeOffset Now = new(2026, 8, 21, 0, 0, 0, TimeSpan.Zero);

    [Theory]
    [InlineData("", "not usable JSON")]
    [InlineData("{", "not usable JSON")]
    [InlineData("{}{}", "not usable JSON")]
    [InlineData("7", "the document must be")]
    [InlineData("\"prices\"", "the document must be")]
    [InlineData("""{"m":5}""", "m: must be an object")]
    [InlineData("""{"m":{},"m":{}}""", "m: stands twice")]
    [InlineData("""{"m":{"mode":"chat","mode":"chat"}}""", "m.mode: stands twice")]
    [InlineData("""{"m":{"mode":7}}""", "m.mode: must be a text")]
    [InlineData("""{"m":{"litellm_provider":"p","mode":"chat","input_cost_per_token":-1}}""", "m.input_cost_per_token: -1 is below 0")]
    [InlineData("""{"m":{"litellm_provider":"p","mode":"chat","input_cost_per_token":"1e-6"}}""", "m.input_cost_per_token: must be a number")]
    [InlineData("""{"m":{"litellm_provider":"p","mode":"chat","input_cost_per_token":1e-99}}""", "m.input_cost_per_token: 1e-99 has more digits")]
    [InlineData("""{"m":{"litellm_provider":"p","mode":"chat","max_tokens":1.5}}""", "m.max_tokens: must be a whole number")]
    [InlineData("""{"m":{"litellm_provider":"p","mode":"chat","search_context_cost_per_query":1}}""", "m.search_context_cost_per_query: must be an object")]
    [InlineData("""{"m":{"litellm_provider":"p","mode":"chat","tiered_pricing":{}}}""", "m.tiered_pricing: must be a list")]
    [InlineData("""{"m":{"litellm_provider":"p","mode":"chat","tiered_pricing":[{"range":[1]}]}}""", "m.tiered_pricing: range must be")]
    [InlineData("""{"\ud800":{}}""", "a text is not Unicode")]
    [InlineData("""{"m":{"mode":"\udc00"}}""", "a text is not Unicode")]
    [InlineData("[1]", "providers[0]: must be an object")]
    [InlineData("""[{"models":[]}]""", "providers[0].id: must be a text")]
    [InlineData("""[{"id":"p"},{"id":"p"}]""", "providers[1].id: 'p' stands twice")]
    [InlineData("""[{"id":"p","models":{}}]""", "p.models: must be a list")]
    [InlineData("""[{"id":"p","models":[3]}]""", "p.models[0]: must be an object")]
    [InlineData("""[{"id":"p","models":[{"id":3}]}]""", "p.models[0].id: must be a text")]
    [InlineData("""[{"id":"p","models":[{"id":"m","prices":3}]}]""", "p/m.prices: must be an object")]
    [InlineData("""[{"id":"p","models":[{"id":"m","prices":{"input_mtok":true}}]}]""", "p/m.prices.input_mtok: must be a number")]
    [InlineData("""[{"id":"p","models":[{"id":"m","prices":{"input_mtok":1,"input_mtok":1}}]}]""", "p/m.prices.input_mtok: stands twice")]
    [InlineData("""[{"id":"p","models":[{"id":"m","prices":{"input_mtok":{"base":1}}}]}]""", "p/m.prices.input_mtok: must be a number, or an object")]
    [InlineData("""[{"id":"p","models":[{"id":"m","prices":{"input_mtok":{"base":1,"tiers":[1]}}}]}]""", "p/m.prices.input_mtok: a tier must be")]
    [InlineData("""[{"id":"p","models":[{"id":"m","prices":[{}]}]}]""", "p/m.prices: an entry must be")]
    [InlineData("""[{"id":"p","models":[{"id":"m","prices":[{"constraint":{"start_date":"soon"},"prices":{"input_mtok":1}}]}]}]""", "p/m.prices: start_date must be")]
    public void What_is_malformed_is_a_mistake_with_its_place(string document, string mistake)
    {
        var import = PriceDocument.Read(Encoding.UTF8.GetBytes(document));
        import.Mistakes.ShouldContain(one => one.Contains(mistake), string.Join('\n', import.Mistakes));
        import.Prices.ShouldBeEmpty();
    }

    [Fact]
    public void A_document_has_bounds()
    {
        PriceDocument.Read(new byte[PriceDocument.MostBytes + 1]).Mistakes.ShouldHaveSingleItem().ShouldContain("more than");
        using var stream = new MemoryStream(new byte[PriceDocument.MostBytes + 1]);
        PriceDocument.Read(stream).Mistakes.ShouldHaveSingleItem().ShouldContain("more than");
        PriceDocument.Read("{\"m\":\xff}"u8.ToArray().AsSpan()).Mistakes.ShouldNotBeEmpty();
        PriceDocument.Read(new byte[] { (byte)'"', 0xff, (byte)'"' }).Mistakes.ShouldBe(["the document is not UTF-8"]);
        PriceDocument.Read(Encoding.UTF8.GetBytes(new string('[', 100) + new string(']', 100))).Mistakes.ShouldHaveSingleItem().ShouldContain("depth");
        var many = new StringBuilder("{\"a\":\"\"");
        for (var i = 0; i < PriceDocument.MostModels; i++)
            many.Append(",\"").Append(i).Append("\":\"\"");
        PriceDocument.Read(Encoding.UTF8.GetBytes(many.Append('}').ToString())).Mistakes.ShouldBe(["there are more than 100000 models"]);
        var large = "{\"m\":{\"note\":\"" + new string('x', 200_000) + "\",\"more\":\"" + new string('x', 200_000) + "\"}}";
        PriceDocument.Read(Encoding.UTF8.GetBytes(large)).Mistakes.ShouldBe(["m: is larger than 262144 bytes"]);
        PriceDocument.Read(Encoding.UTF8.GetBytes("{\"" + new string('x', 300_000) + "\":{}}")).Mistakes.ShouldBe(["byte 1: a text or number is longer than 262144 bytes"]);
        PriceDocument.Read(Encoding.UTF8.GetBytes("{\"" + new string('x', 200_000) + "\":{\"mode\":1}}")).Mistakes.ShouldHaveSingleItem().Length.ShouldBeLessThan(1000);
        var broken = "{" + string.Join(',', Enumerable.Range(0, 200).Select(i => $"\"{i}\":1")) + "}";
        PriceDocument.Read(Encoding.UTF8.GetBytes(broken)).Mistakes.Count.ShouldBe(PriceImport.MostMistakes);
    }

    [Fact]
    public void A_byte_order_mark_and_a_stream_change_nothing()
    {
        using var stream = new MemoryStream([0xEF, 0xBB, 0xBF, .. Documents.GenAiBytes]);
        PriceDocument.Read(stream).Prices.ShouldBe(Documents.GenAi.Prices);
    }

    [Theory]
    [InlineData("""{"p/m":{X},"q/m":{X}}""", 1, 0)]                                // two providers' names of one model, the same price
    [InlineData("""{"text-completion-openai/m":{X},"openai/m":{Y}}""", 0, 2)]       // none is the plain name, and they differ
    [InlineData("""{"openai/m":{Y},"m":{X}}""", 1, 1)]                              // the plain name wins
    [InlineData("""{"openai/m":{X},"m":{X}}""", 1, 0)]
    public void Of_one_model_under_two_names_one_price_is_taken(string document, int imported, int skipped)
    {
        const string Rest = "\"mode\":\"chat\",\"output_cost_per_token\":2e-06,\"litellm_provider\":\"text-completion-openai\",";
        var text = document.Replace("{X}", $"{{{Rest}\"input_cost_per_token\":1e-06}}").Replace("{Y}", $"{{{Rest}\"input_cost_per_token\":3e-06}}").Replace("q/m", "openai/m").Replace("p/m", "text-completion-openai/m");
        var import = PriceDocument.Read(Encoding.UTF8.GetBytes(text));
        import.Mistakes.ShouldBeEmpty();
        (import.Prices.Count, import.Skipped.Count).ShouldBe((imported, skipped));
        import.Prices.ShouldAllBe(price => price.Provider == "openai" && price.Model == "m" && price.Input == 1);
    }

    [Fact]
    public void The_two_documents_agree_on_most_that_both_know()
    {
        var theirs = Documents.GenAi.Prices.Where(price => price.EffectiveFrom is null || price.EffectiveFrom <= Now).GroupBy(price => (price.Provider, price.Model)).ToDictionary(group => group.Key, group => group.Last());
        var both = Documents.LiteLlm.Prices.Where(price => theirs.ContainsKey((price.Provider, price.Model))).Select(price => (One: price, Other: theirs[(price.Provider, price.Model)])).ToArray();
        // An embedding has no output: one says 0, the other nothing.
        var differ = both.Where(pair => pair.One.Input != pair.Other.Input || (pair.One.Output != pair.Other.Output && pair.One.Output != 0)).ToArray();
        both.Length.ShouldBeGreaterThan(300);
        // A unit read wrongly would set every model apart. Resellers change prices weekly, and the documents are four weeks apart.
        differ.Length.ShouldBeLessThan(both.Length / 4);
        var direct = both.Where(pair => pair.One.Provider is "openai" or "anthropic" or "azure" or "xai" or "groq").ToArray();
        direct.Length.ShouldBeGreaterThan(80);
        direct.Count(pair => differ.Contains(pair)).ShouldBeLessThan(direct.Length / 10);
    }

    [Theory]
    [InlineData("openai", "gpt-4o-2024-08-06", "2.5", "2.5")]
    [InlineData("anthropic", "claude-sonnet-4-5-20250929", "3", "3")]
    [InlineData("bedrock", "us.anthropic.claude-sonnet-4-5-20250929-v1:0", "3.3", null)]     // genai-prices has no price of that region
    [InlineData("gemini", "models/gemini-2.5-pro", "1.25", "1.25")]
    [InlineData("openai", "gpt-9", null, null)]
    public void The_book_finds_names_as_clients_send_them(string provider, string model, string? liteLlm, string? genAi)
    {
        static string? Input(PriceImport import, string provider, string model) =>
            new PriceBook(import.Prices).Find(provider, model, Now)?.Price.Input.ToString(System.Globalization.CultureInfo.InvariantCulture);
        (Input(Documents.LiteLlm, provider, model), Input(Documents.GenAi, provider, model)).ShouldBe((liteLlm, genAi));
    }
}
