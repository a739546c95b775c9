using Quota.Shared.Pricing;

namespace Quota.Billing.Tests.Customers;

public sealed class PriceTests(SharedBillingApp shared) : IClassFixture<SharedBillingApp>
{
    private readonly BillingApp _app = shared.App;

    [Fact]
    public async Task A_later_price_takes_over_when_its_time_comes()
    {
        const string Path = "/api/v1/prices/openai/org/gpt-x";
        (await _app.GetAsync(Path)).ShouldBe(404).At("code").ShouldBe("price_not_found");
        var first = (await _app.PutAsync(Path, new { price = new { input = "0.15", cached_input = "0.075", output = "0.60", max_output_tokens = 16384 } })).ShouldBe(200);
        first.At("price.model").ShouldBe("org/gpt-x");
        first.At("price.output").ShouldBe("0.6");
        (await _app.PutAsync(Path, new { price = new { input = "0.150", cached_input = "0.075", output = "0.6", max_output_tokens = 16384 } })).ShouldBe(200)
            .At("price.effective_from").ShouldBe(first.At("price.effective_from"), "the price in force is no news");
        (await _app.PutAsync(Path, new { price = new { input = "1", output = "2", effective_from = "2100-01-01T00:00:00Z" } })).ShouldBe(200);
        (await _app.PutAsync(Path, new { price = new { input = "3", output = "2", effective_from = "2100-01-01T00:00:00Z" } })).ShouldBe(422)
            .At("error_details.effective_from.0").ShouldBe("value_already_exist");
        (await _app.GetAsync(Path)).ShouldBe(200).At("price.input").ShouldBe("0.15");
    }

    [Theory]
    [InlineData("true")]
    [InlineData("false")]
    [InlineData("null")]
    public async Task Hidden_output_is_yes_no_or_unknown(string hidden)
    {
        var path = $"/api/v1/prices/openai/hides-{hidden}";
        (await _app.PutAsync(path, $$$"""{"price":{"input":"1","output":"2","hidden_output":{{{hidden}}}}}""")).ShouldBe(200);
        (await _app.GetAsync(path)).ShouldBe(200)["price.hidden_output"].GetRawText().ShouldBe(hidden);
        var snapshot = await _app.SnapshotAsync(one => one.Prices.Any(price => price.Model == $"hides-{hidden}"));
        snapshot.Prices.Single(price => price.Model == $"hides-{hidden}").HiddenOutput.ShouldBe(hidden == "null" ? null : hidden == "true");
    }

    [Fact]
    public async Task Cache_writes_of_an_hour_have_their_own_price()
    {
        const string Path = "/api/v1/prices/anthropic/claude-y";
        (await _app.PutAsync(Path, new { price = new { input = "3", cached_input = "0.3", cache_write = "3.75", cache_write_1h = "6", output = "15" } })).ShouldBe(200)
            .At("price.cache_write_1h").ShouldBe("6");
        var read = (await _app.GetAsync(Path)).ShouldBe(200);
        (read.At("price.cache_write"), read.At("price.cache_write_1h")).ShouldBe(("3.75", "6"));
        var snapshot = await _app.SnapshotAsync(one => one.Prices.Any(price => price.Model == "claude-y"));
        var price = snapshot.Prices.Single(price => price.Model == "claude-y");
        (price.CacheWrite, price.CacheWrite1h).ShouldBe((3.75m, 6m));
    }

    private const string Whole = """
        "currency":"USD","input":"1.25","output":"10","audio_input":"40","image_input":5,"reasoning":"11","audio_output":"80","image_output":"30","per_request":"0.005","per_image":"0.04",
        "per_second":"0.0001","per_character":"0.000015","tool_calls":{"web_search":"0.01"},"aliases":["whole-2026-08-06"],
        "variants":[{"above_input_tokens":200000,"input":"2.5"},{"service_tier":"flex","from":"16:30","to":"00:30:00","output":"0.1","tool_calls":{"web_search":0.02}}]
        """;

    [Fact]
    public async Task A_price_is_kept_and_served_whole()
    {
        const string Path = "/api/v1/prices/openai/whole";
        var put = (await _app.PutAsync(Path, $"{{\"price\":{{{Whole}}}}}")).ShouldBe(200);
        (await _app.GetAsync(Path)).ShouldBe(200).Text.ShouldBe(put.Text);
        put.At("price.tool_calls.web_search").ShouldBe("0.01");
        (put.At("price.variants.1.from"), put.At("price.variants.1.output"), put.At("price.aliases.0")).ShouldBe(("16:30:00", "0.1", "whole-2026-08-06"));
        (await _app.PutAsync(Path, $"{{\"price\":{{{Whole}}}}}")).ShouldBe(200).At("price.effective_from").ShouldBe(put.At("price.effective_from"), "the price in force is no news");

        var price = (await _app.SnapshotAsync(one => one.Prices.Any(other => other.Model == "whole"))).Prices.Single(other => other.Model == "whole");
        (price with { Version = "" }).ShouldBe(new ModelPrice
        {
            Provider = "openai", Model = "whole", Aliases = ["whole-2026-08-06"], Currency = "USD", Version = "", Input = 1.25m, Output = 10, AudioInput = 40, ImageInput = 5, Reasoning = 11,
            AudioOutput = 80, ImageOutput = 30, PerRequest = 0.005m, PerImage = 0.04m, PerSecond = 0.0001m, PerCharacter = 0.000015m, ToolCalls = new Dictionary<string, decimal> { ["web_search"] = 0.01m },
            Variants = [new() { AboveInputTokens = 200_000, Input = 2.5m }, new() { ServiceTier = "flex", From = new(16, 30), To = new(0, 30), Output = 0.1m, ToolCalls = new Dictionary<string, decimal> { ["web_search"] = 0.02m } }],
        });
        price.Version.ShouldStartWith("openai/whole@20");
    }

    [Fact]
    public async Task Gateways_get_what_is_in_force_what_was_a_day_ago_and_what_will_be()
    {
        const string Path = "/api/v1/prices/openai/dated";
        var now = TimeProvider.System.GetUtcNow();
        DateTimeOffset[] times = [now.AddDays(-9), now.AddDays(-3), now.AddHours(-2), now.AddDays(2), now.AddDays(5)];
        foreach (var (index, time) in times.Index())
            (await _app.PutAsync(Path, new { price = new { input = index.ToString(System.Globalization.CultureInfo.InvariantCulture), output = "1", effective_from = time.ToString("O") } })).ShouldBe(200);
        (await _app.GetAsync(Path)).At("price.input").ShouldBe("2");
        var served = (await _app.SnapshotAsync(one => one.Prices.Count(price => price.Model == "dated") == 4)).Prices.Where(price => price.Model == "dated").ToArray();
        served.Select(price => price.Input).ShouldBe([1m, 2m, 3m, 4m]);
        served[0].EffectiveFrom.ShouldBeNull("a gateway's clock may be behind");
        served[1..].ShouldAllBe(price => Math.Abs((price.EffectiveFrom!.Value - times[(int)price.Input]).TotalMilliseconds) < 1);
        new PriceBook(served).Find("openai", "dated", now.AddDays(3))!.Price.Input.ShouldBe(3);

        (await _app.PutAsync("/api/v1/prices/openai/coming", new { price = new { input = "1", output = "1", effective_from = times[3].ToString("O") } })).ShouldBe(200);
        (await _app.GetAsync("/api/v1/prices/openai/coming")).ShouldBe(404);
        var coming = (await _app.SnapshotAsync(one => one.Prices.Any(price => price.Model == "coming"))).Prices.Single(price => price.Model == "coming");
        coming.EffectiveFrom.ShouldNotBeNull("it is not in force yet");
    }

    [Theory]
    [InlineData("""{"output":"1"}""", "input")]
    [InlineData("""{"input":"-1","output":"1"}""", "input")]
    [InlineData("""{"input":"0.0000000000001","output":"1"}""", "input")]
    [InlineData("""{"input":"79228162514264337593543950335","output":"1"}""", "input")]
    [InlineData("""{"input":"1","output":"1","currency":"Dollar"}""", "currency")]
    [InlineData("""{"input":"1","output":"1","cache_write_1h":"-1"}""", "cache_write_1h")]
    [InlineData("""{"input":"1","output":"1","cache_write_1h":"0.0000000000001"}""", "cache_write_1h")]
    [InlineData("""{"input":"1","output":"1","max_input_tokens":0}""", "max_input_tokens")]
    [InlineData("""{"input":"1","output":"1","hidden_output":"no"}""", "hidden_output")]
    [InlineData("""{"input":"1","output":"1","effective_from":"yesterday"}""", "effective_from")]
    [InlineData("""{"input":"1","output":"1","per_image":"-1"}""", "per_image")]
    [InlineData("""{"input":"1","output":"1","per_second":"0.0000000000000000001"}""", "per_second")]
    [InlineData("""{"input":"1","output":"1","tool_calls":{"web_search":"dear"}}""", "tool_calls.web_search")]
    [InlineData("""{"input":"1","output":"1","tool_calls":{"web_search":"-1"}}""", "tool_calls.web_search")]
    [InlineData("""{"input":"1","output":"1","tool_calls":[]}""", "tool_calls")]
    [InlineData("""{"input":"1","output":"1","aliases":[""]}""", "aliases")]
    [InlineData("""{"input":"1","output":"1","variants":[{"input":"1"}]}""", "variants[0]")]
    [InlineData("""{"input":"1","output":"1","variants":[{"service_tier":"flex","inputs":"1"}]}""", "variants.0.inputs")]
    [InlineData("""{"input":"1","output":"1","variants":[{"service_tier":"flex","input":"1","from":"25:00","to":"01:00"}]}""", "variants.0.from")]
    [InlineData("""{"input":"1","output":"1","variants":[{"service_tier":"standard","input":"1"}]}""", "variants[0].service_tier")]
    [InlineData("""{"input":"1","output":"1","variants":"none"}""", "variants")]
    public async Task Bad_prices_are_refused(string price, string field) =>
        (await _app.PutAsync("/api/v1/prices/p/bad", $$"""{"price":{{price}}}""")).ShouldBe(422)["error_details"]
            .EnumerateObject().Select(property => property.Name).ShouldContain(field);
}
