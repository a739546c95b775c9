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
    public async Task Bad_prices_are_refused(string price, string field) =>
        (await _app.PutAsync("/api/v1/prices/p/bad", $$"""{"price":{{price}}}""")).ShouldBe(422)["error_details"]
            .EnumerateObject().Select(property => property.Name).ShouldContain(field);
}
