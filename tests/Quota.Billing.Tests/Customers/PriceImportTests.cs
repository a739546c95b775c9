using System.Text.Json;

namespace Quota.Billing.Tests.Customers;

public sealed class PriceImportTests(SharedBillingApp shared) : IClassFixture<SharedBillingApp>
{
    private const string Path = "/api/v1/prices/import";

    private readonly BillingApp _app = shared.App;

    private static string OneModel(string name, string input) =>
        $$$"""{"{{{name}}}":{"litellm_provider":"openai","mode":"chat","input_cost_per_token":{{{input}}},"output_cost_per_token":2e-06,"input_cost_per_token_flex":5e-07}}""";

    [Fact]
    public async Task A_dry_run_shows_the_changes_and_stores_nothing()
    {
        (await _app.PutAsync("/api/v1/prices/openai/gpt-x", new { price = new { input = "3", output = "2" } })).ShouldBe(200);
        var answer = (await _app.PostAsync(Path + "?dry_run=true", OneModel("gpt-x", "1e-06"))).ShouldBe(200);
        (answer.At("imported"), answer.At("changes.0.before.input"), answer.At("changes.0.after.input")).ShouldBe(("1", "3", "1"));
        answer.At("changes.0.after.variants.0.input").ShouldBe("0.5");
        (await _app.GetAsync("/api/v1/prices/openai/gpt-x")).At("price.input").ShouldBe("3");
        (await _app.PostAsync(Path + "?dry_run=false", OneModel("gpt-x", "1e-06"))).ShouldBe(200)["changes"].ValueKind.ShouldBe(JsonValueKind.Undefined);
        (await _app.GetAsync("/api/v1/prices/openai/gpt-x")).At("price.input").ShouldBe("1");
    }

    [Fact]
    public async Task Another_price_from_the_same_instant_refuses_all_of_it()
    {
        const string When = "?effective_from=2100-01-01T00:00:00Z";
        (await _app.PostAsync(Path + When, OneModel("gpt-z", "1e-06"))).ShouldBe(200).At("imported").ShouldBe("1");
        (await _app.PostAsync(Path + When, OneModel("gpt-z", "1e-06"))).ShouldBe(200).At("unchanged").ShouldBe("1");
        var two = OneModel("gpt-z", "3e-06")[..^1] + "," + OneModel("gpt-y", "1e-06")[1..];
        (await _app.PostAsync(Path + When, two)).ShouldBe(422).At("error_details.effective_from.0").ShouldBe("value_already_exist");
        (await _app.ScalarAsync<long>("select count(*) from model_prices where model = 'gpt-y'")).ShouldBe(0);
    }

    [Theory]
    [InlineData("?effective_from=soon", "{}", "effective_from")]
    [InlineData("?dry_run=perhaps", "{}", "dry_run")]
    [InlineData("?dryrun=true", "{}", "dryrun")]
    [InlineData("", "{", "document")]
    [InlineData("", "", "document")]
    [InlineData("", "7", "document")]
    [InlineData("", """{"m":{"litellm_provider":"p","mode":"chat","input_cost_per_token":-1}}""", "document")]
    [InlineData("", """{"\ud800":{}}""", "document")]
    public async Task Bad_words_and_documents_are_refused(string query, string document, string field)
    {
        var answer = (await _app.PostAsync(Path + query, document)).ShouldBe(422);
        answer.At("code").ShouldBe("validation_errors");
        answer["error_details"].EnumerateObject().Select(property => property.Name).ShouldBe([field]);
    }

    [Fact]
    public async Task Only_an_admin_may()
    {
        (await _app.Anonymous.SendAsync(HttpMethod.Post, Path, "{}")).ShouldBe(401);
        (await _app.Gateway.SendAsync(HttpMethod.Post, Path, "{}")).ShouldBe(403);
    }
}
