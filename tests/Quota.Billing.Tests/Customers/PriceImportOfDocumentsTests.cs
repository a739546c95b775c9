using System.Net.Http.Headers;
using System.Text.Json;
using Quota.Shared.Pricing;
using Quota.TestKit;

namespace Quota.Billing.Tests.Customers;

/// <summary>The two public documents, each into an empty price book.</summary>
public sealed class PriceImportOfDocumentsTests : IAsyncLifetime
{
    private const string Path = "/api/v1/prices/import";

    private BillingApp _app = null!;

    public async ValueTask InitializeAsync() => _app = await BillingApp.StartAsync();

    public ValueTask DisposeAsync() => _app.DisposeAsync();

    [Fact]
    public async Task Both_documents_are_imported_whole_and_once()
    {
        var first = await PostFileAsync("litellm-model-prices.json");
        (first.At("imported"), first.At("unchanged")).ShouldBe(("2637", "0"));
        first["skipped"].GetArrayLength().ShouldBe(322);
        first.At("skipped.0.model").ShouldBe("1024-x-1024/dall-e-2");
        first.At("skipped.0.reason").ShouldBe("input_cost_per_pixel is not metered here");
        (await _app.ScalarAsync<long>("select count(*) from model_prices")).ShouldBe(2637);
        var again = await PostFileAsync("litellm-model-prices.json");
        (again.At("imported"), again.At("unchanged")).ShouldBe(("0", "2637"));
        (await _app.ScalarAsync<long>("select count(*) from model_prices")).ShouldBe(2637);

        var flex = (await _app.GetAsync("/api/v1/prices/openai/o3")).ShouldBe(200);
        (flex.At("price.input"), flex.At("price.variants.0.service_tier"), flex.At("price.variants.0.input")).ShouldBe(("2", "flex", "1"));
        (await _app.GetAsync("/api/v1/prices/openrouter/anthropic/claude-sonnet-4.5")).ShouldBe(200).At("price.variants.0.above_input_tokens").ShouldBe("200000");
        (await _app.GetAsync("/api/v1/prices/openai/whisper-1")).ShouldBe(200).At("price.per_second").ShouldBe("0.0001");
        var snapshot = await _app.SnapshotAsync(one => one.Prices.Count >= 2637);
        new PriceBook(snapshot.Prices).Find("bedrock", "us.anthropic.claude-sonnet-4-5-20250929-v1:0", DateTimeOffset.UnixEpoch)!.Price.Input.ShouldBe(3.3m);
    }

    [Fact]
    public async Task A_history_begins_with_what_is_in_force_and_keeps_its_later_dates()
    {
        // Sonnet 5 costs 2 until September 2026 and 3 from then on; o3 cost 10 until June 2025.
        (await PostFileAsync("genai-prices-v2.json", "?effective_from=2026-08-21")).At("imported").ShouldBe("1298");
        (await Rows("anthropic", "claude-sonnet-5")).ShouldBe("2026-08-21 2, 2026-09-01 3");
        (await Rows("openai", "o3")).ShouldBe("2026-08-21 2");
        (await PostFileAsync("genai-prices-v2.json", "?effective_from=2026-10-01")).At("imported").ShouldBe("0");
    }

    private async Task<string> Rows(string provider, string model) => await _app.ScalarAsync<string>($"""
        select string_agg(to_char(effective_from at time zone 'UTC', 'YYYY-MM-DD') || ' ' || trim_scale(input), ', ' order by effective_from)
        from model_prices where provider = '{provider}' and model = '{model}'
        """);

    private async Task<JsonAnswer> PostFileAsync(string file, string query = "")
    {
        using var content = new StreamContent(File.OpenRead(Repository.TestData(file)));
        content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
        using var response = await _app.Admin.PostAsync(Path + query, content);
        var text = await response.Content.ReadAsStringAsync();
        return new JsonAnswer((int)response.StatusCode, text, JsonElement.Parse(text)).ShouldBe(200);
    }
}
